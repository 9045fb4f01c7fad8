#!/bin/bash
# Stands in for kindnet, whose image needs a registry: a ptp network of the node's pod CIDR, one route a node, one
# masquerade rule.
account=/var/run/secrets/kubernetes.io/serviceaccount
api() { kubectl --server="https://$API" --certificate-authority=$account/ca.crt --token="$(cat $account/token)" "$@"; }
while sleep 2; do
  nodes=$(api get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.spec.podCIDR} {.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}') || continue
  while read -r name cidr address; do
    [ -n "$address" ] || continue
    if [ "$name" != "$NODE" ]; then
      ip route replace "$cidr" via "$address"
    elif [ ! -f /etc/cni/net.d/10-kindnet.conflist ]; then
      cat >/etc/cni/net.d/.new <<J
{"cniVersion":"0.3.1","name":"kindnet","plugins":[
  {"type":"ptp","ipMasq":false,"mtu":1500,"ipam":{"type":"host-local","dataDir":"/run/cni-ipam-state","routes":[{"dst":"0.0.0.0/0"}],"ranges":[[{"subnet":"$cidr"}]]}},
  {"type":"portmap","capabilities":{"portMappings":true}}]}
J
      mv /etc/cni/net.d/.new /etc/cni/net.d/10-kindnet.conflist
    fi
  done <<<"$nodes"
  rule=(POSTROUTING -s "$POD_SUBNET" ! -d "$POD_SUBNET" -j MASQUERADE)
  iptables -w -t nat -C "${rule[@]}" 2>/dev/null || iptables -w -t nat -A "${rule[@]}"
done
