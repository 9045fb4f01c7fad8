//go:build tools

// Package tools names the program that the test cluster runs, so that go.sum covers it.
package tools

import _ "sigs.k8s.io/kind"
