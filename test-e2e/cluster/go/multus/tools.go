//go:build tools

// Package tools names the program that the test cluster runs, so that go.sum covers it.
package tools

import _ "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus"
