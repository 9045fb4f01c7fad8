#!/bin/bash
# Installs Godwit into the test cluster as its users do: images on the nodes, manifests applied, everything ready.
set -euo pipefail
cd "$(dirname "$0")/../.."
engine=${CLUSTER_ENGINE:-podman}
export CONTAINERS_CONF=$PWD/test-e2e/cluster/files/containers.conf KUBECONFIG=/run/godwit-cluster/kubeconfig
for node in $("$engine" ps --filter label=io.x-k8s.kind.role=worker --filter label=io.x-k8s.kind.cluster=godwit --format '{{.Names}}'); do
  "$engine" exec -i "$node" ctr -n k8s.io images import - <build/images/godwit.tar >/dev/null
done
kubectl=$(test-e2e/cluster/binaries.sh)/kubectl
"$kubectl" apply -k manifests/overlays/kind

# The images have the same name each time: pods that run older ones are replaced.
images=$(sha256sum build/images/godwit.tar | cut -c1-16)
before=$("$kubectl" get namespace godwit-system -o jsonpath='{.metadata.annotations.godwit\.test/images}')
"$kubectl" annotate --overwrite namespace godwit-system "godwit.test/images=$images" >/dev/null
if [ -n "$before" ] && [ "$before" != "$images" ]; then "$kubectl" -n godwit-system rollout restart daemonset/godwit-node-agent deployment/godwit-controller; fi
"$kubectl" -n godwit-system rollout status daemonset/godwit-node-agent --timeout=120s
"$kubectl" -n godwit-system rollout status deployment/godwit-controller --timeout=120s
