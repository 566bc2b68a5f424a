"""Who is let in: every mechanism, by both of the authenticators that run by themselves."""

from __future__ import annotations

from collections import UserDict

import pytest

import brokerless as zmq
from brokerless.auth import CURVE_ALLOW_ANY
from tests.auth.conftest import plain

HERE = "127.0.0.1"


# NULL and addresses


def test_null_is_let_in_until_something_says_otherwise(auth, make_server, let_in):
    server = make_server(zap_domain=b"global")
    assert let_in(server) == "anonymous"
    auth.deny(HERE)
    assert let_in(server) is None


def test_without_a_domain_nobody_asks_about_null(auth, make_server, knock, log):
    auth.deny(HERE)
    server = make_server()
    knock(server)
    assert server.recv(timeout=10) == b"hello"
    assert not any("from" in line for line in log.all)


def test_only_allowed_addresses(auth, make_server, let_in):
    server = make_server(zap_domain=b"global")
    auth.allow("10.1.2.3", "::1")
    assert let_in(server) is None
    auth.allow(HERE)
    assert let_in(server) == "anonymous"
    with pytest.raises(ValueError, match="not both"):
        auth.deny("10.9.9.9")
    assert auth._allowed == {"10.1.2.3", "::1", HERE} and auth._denied == set()


def test_denied_addresses(auth, make_server, let_in):
    server = make_server(zap_domain=b"global")
    auth.deny("10.1.2.3")
    assert let_in(server) == "anonymous"
    auth.deny(HERE)
    assert let_in(server) is None
    with pytest.raises(ValueError, match="not both"):
        auth.allow(HERE)
    assert auth._denied == {"10.1.2.3", HERE} and auth._allowed == set()


def test_an_address_is_a_str(auth):
    for wrong in (b"127.0.0.1", 1, None):
        with pytest.raises(TypeError, match="an address is a str"):
            auth.allow(HERE, wrong)
        with pytest.raises(TypeError, match="an address is a str"):
            auth.deny(wrong)
    assert auth._allowed == auth._denied == set()


def test_an_ipv4_client_of_an_ipv6_server_is_still_denied(auth, make_socket, knock, log):
    auth.deny(HERE)
    server = make_socket(zmq.PULL, ipv6=1, zap_domain=b"global")
    port = server.bind_to_random_port("tcp://*")
    client = make_socket(zmq.PUSH, connect=f"tcp://{HERE}:{port}")
    client.send(b"hello")
    assert "::ffff:" in log.wait_for("DENIED")


# PLAIN


def test_passwords(auth, make_server, let_in, log):
    server = make_server(plain_server=1)
    assert let_in(server, **plain(b"bob", b"builder")) is None
    auth.configure_plain(passwords={"bob": "builder", "zo\xe9": "\u5bc6\u7801"})
    assert let_in(server, **plain(b"bob", b"builder")) == "bob"
    assert let_in(server, **plain("zo\xe9".encode(), "\u5bc6\u7801".encode())) == "zo\xe9"
    for username, password in [(b"bob", b"builde"), (b"bob", b"builder2"), (b"eve", b"builder"), (b"bob", b"\xff")]:
        assert let_in(server, **plain(username, password)) is None
    assert any("Invalid password" in line for line in log.all)
    assert any("Invalid username" in line for line in log.all)
    assert not any("builder" in line for line in log.all)


def test_passwords_count_in_their_domain(auth, make_server, let_in):
    auth.configure_plain("east", {"bob": "e"})
    auth.configure_plain("west", {"bob": "w"})
    east, west = (make_server(plain_server=1, zap_domain=name) for name in (b"east", b"west"))
    nowhere = make_server(plain_server=1)
    assert let_in(east, **plain(b"bob", b"e")) == "bob"
    assert let_in(west, **plain(b"bob", b"w")) == "bob"
    assert let_in(east, **plain(b"bob", b"w")) is None
    assert let_in(nowhere, **plain(b"bob", b"e")) is None
    # As in pyzmq, "*" is the name of no domain, and not that of all.
    auth.configure_plain("*", {"bob": "n"})
    assert let_in(nowhere, **plain(b"bob", b"n")) == "bob"
    assert let_in(make_server(plain_server=1, zap_domain=b"north"), **plain(b"bob", b"n")) is None


def test_what_the_program_changes_in_its_dict_counts_at_once(auth, make_server, let_in):
    server = make_server(plain_server=1)
    passwords = {"bob": "old"}
    auth.configure_plain(passwords=passwords)
    assert let_in(server, **plain(b"bob", b"old")) == "bob"
    passwords["bob"] = "new"
    assert let_in(server, **plain(b"bob", b"old")) is None
    assert let_in(server, **plain(b"bob", b"new")) == "bob"
    del passwords["bob"]
    assert let_in(server, **plain(b"bob", b"new")) is None


def test_what_is_changed_in_the_attribute_counts_at_once(auth, make_server, let_in):
    server = make_server(plain_server=1)
    auth.configure_plain(passwords={"bob": "old"})
    assert let_in(server, **plain(b"bob", b"old")) == "bob"
    auth.passwords["*"].pop("bob")
    assert let_in(server, **plain(b"bob", b"old")) is None
    auth.passwords["*"].update(bob="new", eve="e")
    assert let_in(server, **plain(b"eve", b"e")) == "eve"
    del auth.passwords["*"]
    assert let_in(server, **plain(b"bob", b"new")) is None
    auth.passwords = {"*": {"bob": "last"}}
    assert let_in(server, **plain(b"bob", b"last")) == "bob"
    auth.passwords["*"] = {}
    assert let_in(server, **plain(b"bob", b"last")) is None


def test_passwords_that_are_looked_up(auth, make_server, let_in):
    class Directory(UserDict):
        asked = 0

        def __getitem__(self, username):
            self.asked += 1
            return super().__getitem__(username)

    directory = Directory(bob="b")
    auth.configure_plain(passwords=directory)
    server = make_server(plain_server=1)
    assert let_in(server, **plain(b"bob", b"b")) == "bob"
    assert let_in(server, **plain(b"eve", b"b")) is None
    assert directory.asked == 1


def test_an_encoding(make_auth, make_server, let_in):
    auth = make_auth(encoding="latin-1")
    auth.configure_plain(passwords={"zo\xe9": "\xfc", "\u5bc6": "never"})
    server = make_server(plain_server=1)
    assert let_in(server, **plain(b"eve", b"\xfc")) is None
    client_id = let_in(server, **plain(b"zo\xe9", b"\xfc"))
    assert client_id is not None and client_id.startswith("zo")
    with pytest.raises(LookupError):
        make_auth(encoding="no such encoding", start=False)


def test_passwords_that_are_no_texts_fit_nothing(auth, make_server, let_in):
    auth.configure_plain(passwords={"bob": b"b", b"eve": "e", "al": None})
    server = make_server(plain_server=1)
    for username, password in [(b"bob", b"b"), (b"eve", b"e"), (b"al", b"None")]:
        assert let_in(server, **plain(username, password)) is None
    with pytest.raises(TypeError, match="passwords are a dict"):
        auth.configure_plain(passwords=["bob"])


# CURVE


def test_certificates(auth, tmp_path, curve_server, curve, make_client_keys, let_in):
    alice, eve = make_client_keys("alice"), make_client_keys("eve", folder="elsewhere")
    assert let_in(curve_server, **curve(alice)) is None
    auth.configure_curve(location=tmp_path / "public")
    assert let_in(curve_server, **curve(alice)) == alice.public.decode()
    assert let_in(curve_server, **curve(eve)) is None
    # Read again when asked to, and not before.
    (tmp_path / "elsewhere" / "eve.key").rename(tmp_path / "public" / "eve.key")
    assert let_in(curve_server, **curve(eve)) is None
    auth.configure_curve(location=str(tmp_path / "public"))
    assert let_in(curve_server, **curve(eve)) == eve.public.decode()
    assert set(auth.certs["*"]) == {alice.public, eve.public}


def test_certificates_count_in_their_domain(auth, tmp_path, make_server, server_keys, curve, make_client_keys, let_in):
    alice, eve = make_client_keys("alice"), make_client_keys("eve", folder="others")
    auth.configure_curve("east", tmp_path / "public")
    auth.configure_curve("west", tmp_path / "others")
    east, west = (make_server(curve_server=1, zap_domain=name, **server_keys.options) for name in (b"east", b"west"))
    assert let_in(east, **curve(alice)) and let_in(west, **curve(eve))
    assert let_in(east, **curve(eve)) is None and let_in(west, **curve(alice)) is None


def test_any_key(auth, tmp_path, curve_server, curve, make_client_keys, let_in):
    stranger, alice = make_client_keys("stranger", folder="elsewhere"), make_client_keys("alice")
    auth.configure_curve(domain="*", location=CURVE_ALLOW_ANY)
    assert let_in(curve_server, **curve(stranger)) == stranger.public.decode()
    auth.configure_curve(location=tmp_path / "public")
    assert auth.allow_any is False
    assert let_in(curve_server, **curve(stranger)) is None
    assert let_in(curve_server, **curve(alice))
    auth.allow_any = True
    assert let_in(curve_server, **curve(stranger))


def test_keys_can_be_put_into_the_attribute(auth, curve_server, curve, client_keys, let_in):
    auth.certs["*"] = {client_keys.public: True}
    assert let_in(curve_server, **curve(client_keys))
    auth.certs["*"][client_keys.public] = False
    assert let_in(curve_server, **curve(client_keys)) is None


def test_a_folder_that_cannot_be_read_is_logged_and_changes_nothing(
    auth, tmp_path, curve_server, curve, client_keys, let_in, log
):
    auth.configure_curve(location=tmp_path / "public")
    auth.configure_curve(location=tmp_path / "nothing")
    assert str(tmp_path / "nothing") in log.wait_for("No CURVE certificates")
    (tmp_path / "public" / "bad.key").write_text("nonsense")
    auth.configure_curve(location=tmp_path / "public")
    log.wait_for("No CURVE certificates", "bad.key")
    assert let_in(curve_server, **curve(client_keys))


def test_the_wrong_server_key_never_gets_as_far_as_a_question(auth, curve_server, make_client_keys, knock, log):
    stranger = make_client_keys("stranger")
    auth.configure_curve(location=CURVE_ALLOW_ANY)
    knock(curve_server, curve_serverkey=zmq.curve_keypair()[0], **stranger.options)
    knock(curve_server, curve_serverkey=curve_server.curve_publickey, **stranger.options)
    # The second client's question is the first.
    log.wait_for("ALLOWED")
    assert curve_server.recv(timeout=10) == b"hello"
    assert not curve_server.poll(0)
    assert len([line for line in log.all if " from " in line]) == 1


def test_many_clients_at_once(auth, make_server, knock):
    server = make_server(zap_domain=b"global")
    clients = [knock(server) for _ in range(50)]
    assert [server.recv(timeout=10) for _ in clients] == [b"hello"] * 50
