from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Fault
from service.outbox.domain import addresses
from service.outbox.domain.addresses import CLOSED_IPV4, Target

CLOSED = [
    "0.0.0.0",  # noqa: S104 - an address to be refused
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
]
OPEN = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.254",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "169.253.255.255",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2a00:1450:4001:80b::200e",
]


@pytest.mark.parametrize("address", CLOSED)
def test_what_is_not_public_is_not_called(address: str) -> None:
    assert not addresses.may_be_called(ip_address(address), loopback_allowed=False)


@pytest.mark.parametrize("address", OPEN)
def test_a_public_address_is_called(address: str) -> None:
    assert addresses.may_be_called(ip_address(address), loopback_allowed=False)


@pytest.mark.parametrize("address", CLOSED)
def test_where_loopback_is_allowed_nothing_else_is(address: str) -> None:
    allowed = addresses.may_be_called(ip_address(address), loopback_allowed=True)

    assert allowed is (address in {"127.0.0.1", "127.255.255.255", "::1"})


@given(network=st.sampled_from(CLOSED_IPV4), offset=st.integers(0, 2**32))
def test_every_address_of_a_closed_network_is_refused_in_each_disguise(
    network: IPv4Network, offset: int
) -> None:
    address = network[offset % network.num_addresses]
    disguises = [
        IPv6Address(0xFFFF_0000_0000 | int(address)),  # mapped
        IPv6Address(int(address)),  # compatible
        IPv6Address((0x0064_FF9B << 96) | int(address)),  # NAT64
        IPv6Address((0x2002 << 112) | (int(address) << 80)),  # 6to4
        IPv6Address((0x2001_0000 << 96) | (int(address) ^ 0xFFFF_FFFF)),  # Teredo
    ]

    assert not any(addresses.may_be_called(each, loopback_allowed=False) for each in [address, *disguises])


@given(number=st.integers(0, 2**128 - 1))
def test_an_ipv6_address_that_is_called_is_a_global_one(number: int) -> None:
    address = IPv6Address(number)

    if addresses.may_be_called(address, loopback_allowed=False):
        assert not any((address.is_private, address.is_multicast, address.is_reserved))
        assert address.ipv4_mapped is None
        assert address.sixtofour is None
        assert address.teredo is None


@given(number=st.integers(0, 2**32 - 1))
def test_an_ipv4_address_that_is_called_is_a_global_one(number: int) -> None:
    address = IPv4Address(number)

    if addresses.may_be_called(address, loopback_allowed=False):
        assert not any((address.is_private, address.is_multicast, address.is_reserved))
        assert not any((address.is_loopback, address.is_link_local))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://",
        "https:///path",
        "//example.com/",
        "example.com",
        "https://localhost/",
        "https://metadata/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1/",
        "https://example.com.:443/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://127.0.0.1#@example.com/",
        "https://example.com/#part",
        "https://example.com/a b",
        "https://example.com/\r\nHost: other",
        "https://exa\tmple.com/",
        "https://例え.jp/",
        "https://example。com/",
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:0/",
        "https://example.com:5432/",
        "https://example.com:6379/",
        "https://example.com:65536/",
        "https://example.com:port/",
        "https://-example.com/",
        "https://example..com/",
        "https://" + "a" * 64 + ".com/",
        "https://example.com/" + "a" * 2_000,
    ],
)
def test_a_url_that_cannot_lead_to_a_receiver_is_refused_when_it_is_registered(url: str) -> None:
    found = addresses.target(url, loopback_allowed=False)

    assert isinstance(found, Fault)
    assert found.pointer == "/url"


@pytest.mark.parametrize(
    ("url", "expected", "authority"),
    [
        ("https://example.com", Target("https", "example.com", 443, "/"), "example.com"),
        ("https://Example.COM/Hook?a=B", Target("https", "example.com", 443, "/Hook?a=B"), "example.com"),
        ("https://example.com:8443/x", Target("https", "example.com", 8443, "/x"), "example.com:8443"),
        ("https://xn--r8jz45g.jp/", Target("https", "xn--r8jz45g.jp", 443, "/"), "xn--r8jz45g.jp"),
        ("https://8.8.8.8/", Target("https", "8.8.8.8", 443, "/"), "8.8.8.8"),
        (
            "https://[2606:4700::1]:444/",
            Fault("/url", "Port 444 cannot receive webhooks; use 443 or one above 1023."),
            "",
        ),
        ("https://[2606:4700::1]/", Target("https", "2606:4700::1", 443, "/"), "[2606:4700::1]"),
    ],
)
def test_a_url_is_read_into_its_parts(url: str, expected: Target | Fault, authority: str) -> None:
    found = addresses.target(url, loopback_allowed=False)

    assert found == expected
    assert isinstance(found, Fault) or found.authority == authority


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8000/", True),
        ("http://localhost:8000/", True),
        ("http://[::1]:8000/", True),
        ("http://example.com/", False),
        ("http://10.0.0.1/", False),
        ("http://169.254.169.254/", False),
        ("http://user@127.0.0.1/", False),
        ("https://example.com/", True),
    ],
)
def test_where_loopback_is_allowed_http_leads_there_and_nowhere_else(url: str, *, allowed: bool) -> None:
    assert isinstance(addresses.target(url, loopback_allowed=True), Target) is allowed


@given(url=st.text(max_size=200) | st.text(max_size=60).map(lambda text: f"https://{text}/"))
def test_any_text_is_either_read_or_refused_for_a_reason(url: str) -> None:
    found = addresses.target(url, loopback_allowed=False)

    assert isinstance(found, Target | Fault)
    if isinstance(found, Target):
        assert found.scheme == "https"
        assert found.host.isascii()
        assert not set(found.path) & set(" \r\n\\#")
