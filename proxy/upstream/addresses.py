"""Addresses that are never an upstream: the metadata services of clouds, which hand credentials to whoever asks.

Checked after name resolution, on the very address that is then connected to, so that a name cannot change its mind.
Private networks stay allowed: a model server in the same cluster is an ordinary upstream.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

METADATA = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local: AWS, Azure, GCP, OpenStack, ECS and EKS agents
        "fe80::/10",  # link-local
        "fd00:ec2::/32",  # AWS over IPv6: the instance service and its agents
        "fd20:ce::254/128",  # GCP over IPv6
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.192/32",  # Oracle Cloud, classic
    )
)
NAT64 = ip_network("64:ff9b::/96")


def is_metadata(address: str) -> bool:
    """Whether this literal address (zone allowed) reaches a metadata service, directly or as IPv4 inside IPv6."""
    found = ip_address(address.partition("%")[0])
    for candidate in (found, _inner(found)):
        if candidate is not None and any(candidate in network for network in METADATA):
            return True
    return False


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this IPv6 address stands for, if any: mapped, 6to4 or NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
