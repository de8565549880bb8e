from firmware import keys
from firmware.lwm2m_client import RegistrationLost
from protocol import cbor, oscore_option
from protocol import coap_message as coap
from protocol.coap_values import Request
from protocol.lwm2m_content import SENML_CBOR
from tests.firmware.board import NODE, Board, MemoryStore
from tests.firmware.secure_street import SecureStreet, outer, provisioned


def test_int_405_every_message_carries_the_oscore_option_and_the_outer_codes():
    street = SecureStreet()
    assert street.read("3/0/0") == [((3, 0, 0), "Faubourg")]
    messages = outer(street, True) + outer(street, False)
    street.report(True)
    assert street.names() == ["send"]
    messages += outer(street, True) + outer(street, False)
    assert len(messages) >= 6
    for message in messages:
        assert coap.option(message.options, coap.OSCORE) is not None
        assert coap.option(message.options, coap.URI_PATH) is None
        assert message.code in (coap.POST, coap.CHANGED)


def test_a_node_is_read_written_and_observed():
    street = SecureStreet()
    assert street.write("3416/0/1", "55") == "2.04"
    handle, response = street.observe(coap.GET, "3416/0/1", observe=0)
    assert (response.code, response.payload) == (coap.CONTENT, b"55")
    for level in ("40", "60"):
        street.write("3416/0/1", level)
        street.advance(1000)
    told = [event.response.payload for event in street.notifications]
    assert told == [b"40", b"60"]
    street.server.cancel_observation(handle, street.now_ms)
    street.settle()
    assert len(street.node.observations) == 0
    street.write("3416/0/1", "70")
    street.advance(5000)
    assert len(street.notifications) == 2


def test_blocks_are_inside_both_ways():
    street = SecureStreet()
    names = b"\x81\xa1\x00a/"
    response = street.request(coap.FETCH, "", names, content_format=SENML_CBOR, accept=110)
    assert response.code == coap.CONTENT and len(response.payload) > 1024
    for message in outer(street, True):
        assert coap.option(message.options, coap.BLOCK2) is None
    long_name = "x" * 1500
    assert street.write("3410/0/4", long_name) in ("2.04", "4.00")
    assert street.count("security: malformed") == 0


def test_a_node_without_keys_works_and_says_nothing():
    street = SecureStreet(is_registered=False)
    board = Board(store=MemoryStore())
    board.store.write(keys.KEY, b"no keys")
    street = SecureStreet(board, is_registered=False)
    street.node.start(0)
    street.advance(600000)
    assert street.wire == [] and street.count("no keys") > 3
    assert street.count("damaged store") == 1
    assert street.board.dimmer.permille == 1000


def test_nothing_unprotected_is_answered():
    street = SecureStreet()
    for request in (coap.Message(coap.CON, coap.GET, 7, b"t", [(coap.URI_PATH, b"3")]),
                    coap.Message(coap.NON, coap.GET, 8, b"u", [(coap.URI_PATH, b"3")]),
                    coap.Message(coap.CON, coap.PUT, 9, b"v", [(coap.URI_PATH, b"3416"),
                                 (coap.URI_PATH, b"0"), (coap.URI_PATH, b"1")], b"0"),
                    coap.Message(coap.CON, coap.GET, 10, b"w", [(coap.URI_PATH, b".well-known"),
                                 (coap.URI_PATH, b"core")])):
        assert street.replay(coap.encode(request)) == []
    street.advance(10000)
    assert street.count("security: unprotected request") == 4
    assert street.read("3416/0/1") == [((3416, 0, 1), 100)]


def test_discovery_may_be_opened_and_tells_what_kind_of_thing_this_is():
    street = SecureStreet(open_discovery=True)
    request = coap.Message(coap.CON, coap.GET, 7, b"t", [(coap.URI_PATH, b".well-known"),
                                                        (coap.URI_PATH, b"core")])
    answers = street.replay(coap.encode(request))
    assert len(answers) == 1
    answer = coap.decode(answers[0][0])
    assert answer.code == coap.CONTENT and answer.payload == b'</>;rt="oma.lwm2m"'
    assert len(answers[0][0]) <= 3 * len(coap.encode(request))
    other = coap.Message(coap.CON, coap.GET, 8, b"t", [(coap.URI_PATH, b"3")])
    assert street.replay(coap.encode(other)) == []


def test_forged_and_damaged_messages_are_counted_and_dropped():
    street = SecureStreet()
    street.write("3416/0/1", "55")
    request = Request(coap.PUT, ("3416", "0", "1"), (), b"0", 0)
    street.server.send_request(request, NODE, street.now_ms)
    sent = street.server.datagrams_to_send()[0][0]
    start = sent.index(b"\xff")
    for at in range(start + 1, len(sent)):
        forged = bytearray(sent)
        forged[at] ^= 1
        assert street.replay(bytes(forged)) == [], at
    assert street.count("security: not authentic") == len(sent) - start - 1
    street.advance(1000)
    # Nothing was acknowledged, so that the true one is retransmitted, and heard.
    street.advance(3000)
    assert street.board.dimmer.permille < 1000


def test_a_duplicate_is_answered_with_the_same_bytes():
    street = SecureStreet()
    street.write("3416/0/1", "55")
    recorded, answer = street.last_command()
    assert street.replay(recorded)[0][0] == answer


def test_a_recorded_command_is_not_obeyed_again():
    street = SecureStreet()
    street.write("3416/0/1", "0")
    recorded, _ = street.last_command()
    street.write("3416/0/1", "80")
    again = bytearray(recorded)
    again[2] ^= 0x55
    assert street.replay(bytes(again)) == []
    assert street.count("security: replay") == 1
    assert street.read("3416/0/1") == [((3416, 0, 1), 80)]


def test_a_command_recorded_before_a_reset_is_challenged_and_not_obeyed():
    street = SecureStreet()
    street.write("3416/0/1", "0")
    recorded, answer = street.last_command()
    street.write("3416/0/1", "80")
    street.reboot()
    said = street.replay(recorded)
    assert len(said) == 1 and street.count("security: challenges") == 1
    challenge = coap.decode(said[0][0])
    # Under a number of the node's own: that of the request protected its answer.
    assert piv_of(challenge) is not None and piv_of(coap.decode(answer)) is None
    assert street.board.dimmer.permille == 1000


def test_recorded_commands_cost_a_number_a_second_at_most():
    street = SecureStreet()
    street.write("3416/0/1", "0")
    recorded = bytearray(street.last_command()[0])
    street.reboot()
    answers = 0
    for number in range(50):
        recorded[2] = number
        answers += len(street.replay(bytes(recorded)))
    assert answers == 1
    street.advance(3000)
    assert street.read("3416/0/1")[0][1] is not None


def test_a_flood_of_recorded_commands_does_not_keep_the_server_waiting():
    street = SecureStreet()
    for level in range(5):
        street.write("3416/0/1", str(level))
    recorded = [bytearray(datagram) for is_node, datagram in street.wire
                if not is_node and coap.is_request(datagram[1])]
    street.reboot()
    for number in range(60):
        again = recorded[number % len(recorded)]
        again[2] = number
        street.replay(bytes(again))
    assert street.count("security: challenges") == len(recorded)
    street.server.send_request(
        Request(coap.PUT, ("3416", "0", "1"), (), b"55", 0), NODE, street.now_ms)
    answers = street.replay(street.server.datagrams_to_send()[0][0])
    assert len(answers) == 1 and street.count("security: challenges") == len(recorded) + 1


def test_the_first_request_after_a_reset_is_challenged_once_and_then_obeyed():
    street = SecureStreet()
    street.reboot()
    assert street.write("3416/0/1", "30") == "2.04"
    assert street.write("3416/0/1", "40") == "2.04"
    assert street.count("security: challenges") == 1


def test_a_new_challenge_belongs_to_each_boot():
    street = SecureStreet()
    street.reboot()
    street.write("3416/0/1", "30")
    recorded, _ = street.last_command()
    street.write("3416/0/1", "80")
    street.reboot()
    street.replay(recorded)
    assert street.count("security: challenges") == 1
    street.advance(1000)
    assert street.read("3416/0/1") == [((3416, 0, 1), 80)]


def test_numbers_are_reserved_before_they_are_used_and_jumped_over_by_a_reset():
    street = SecureStreet()
    # Those of the provisioning, and of the first number.
    assert street.board.store.writes.count(keys.KEY) == 2
    used = []
    for _ in range(300):
        street.report(True)
        used.extend([piv_of(message) for message in outer(street, True)])
    used = [number for number in used if number is not None]
    assert used == sorted(set(used)) and len(used) >= 300
    writes = street.board.store.writes.count(keys.KEY)
    assert writes - 2 == used[-1] // keys.SEQUENCE_STEP
    del street.wire[:]
    street.reboot()
    assert piv_of(outer(street, True)[0]) == (used[-1] // 128 + 1) * keys.SEQUENCE_STEP


def piv_of(message):
    option = oscore_option.decode(coap.option(message.options, coap.OSCORE))
    return None if option.piv is None else int.from_bytes(option.piv, "big")


def test_a_store_that_takes_no_limit_lets_nothing_be_sent_and_the_lamp_go_on():
    class Broken(MemoryStore):
        is_broken = False

        def write(self, key, data):
            if self.is_broken and key == keys.KEY:
                raise OSError(28)
            MemoryStore.write(self, key, data)

    board = provisioned(Board(store=Broken()))
    board.store.is_broken = True
    street = SecureStreet(board, is_registered=False)
    street.node.start(0)
    street.advance(60000)
    assert street.wire == [] and street.count("security: store failed") > 0
    assert board.dimmer.permille == 1000
    board.store.is_broken = False
    street.advance(600000)
    assert "register" in street.names()


def test_an_unprotected_4_01_ends_nothing():
    street = SecureStreet()
    street.is_down = True
    street.node.client.suspect()
    street.node.handle_timeout(street.now_ms)
    update = coap.decode(street.node.datagrams_to_send()[0][0])
    refusal = coap.Message(coap.ACK, coap.UNAUTHORIZED, update.mid, update.token)
    assert street.replay(coap.encode(refusal)) == []
    assert street.count("security: unprotected response") == 1
    assert street.node.client.is_registered()


def test_an_update_that_is_asked_for_freshness_comes_again_and_nothing_is_lost():
    street = SecureStreet()
    for held in street.server_keys.held():
        held.window.__init__(32)
    street.node.client.suspect()
    street.node.handle_timeout(street.now_ms)
    street.advance(1000)
    assert street.names() == ["update"]
    assert not [event for event in street.events if isinstance(event, RegistrationLost)]


def test_a_server_that_is_never_content_with_the_echo_ends_no_registration():
    street = SecureStreet()
    answer = street.server.send_response

    def doubt(exchange, response, now_ms):
        response.code = coap.UNAUTHORIZED
        response.options = ((coap.ECHO, b"again"),)
        answer(exchange, response, now_ms)

    street.server.send_response = doubt
    street.node.client.suspect()
    street.node.handle_timeout(street.now_ms)
    street.advance(1000)
    assert street.names() == ["update", "update"]
    street.server.send_response = answer
    street.advance(30000)
    assert "update" in street.names()[2:] and "register" not in street.names()
    assert not [event for event in street.events if isinstance(event, RegistrationLost)]


def test_hidden_objects_are_unauthorized_whatever_is_asked():
    street = SecureStreet()
    assert street.request(coap.GET, "21/0/0").code == coap.UNAUTHORIZED
    assert street.request(coap.GET, "0/0").code == coap.UNAUTHORIZED
    assert street.request(coap.GET, "21", observe=0).code == coap.UNAUTHORIZED
    assert street.request(coap.GET, "42802/0/0").code == coap.METHOD_NOT_ALLOWED
    for names in (["/21/0"], ["/0/0", "/21"]):
        payload = cbor.encode([{0: name} for name in names])
        refused = street.request(coap.FETCH, "", payload, content_format=SENML_CBOR)
        assert refused.code == coap.UNAUTHORIZED


def test_a_new_address_brings_a_new_registration():
    street = SecureStreet()
    street.board.radio.addresses = ("192.0.2.99",)
    street.advance(15000)
    assert "register" in street.names()


def unheard(street, duration_ms):
    """Let nobody hear the node for so long; return the datagrams that it sent."""
    sent = []
    end_ms = street.now_ms + duration_ms
    while street.now_ms < end_ms:
        street.now_ms = min(end_ms, max(street.node.next_timeout_ms(), street.now_ms))
        street.node.handle_timeout(street.now_ms)
        sent += [datagram for datagram, _ in street.node.datagrams_to_send()]
    return sent


def test_a_retransmission_is_byte_identical_and_a_repeated_send_is_protected_anew():
    street = SecureStreet()
    street.node.clock.now_ms = street.now_ms
    street.node.reporting.report((3416, 0, 5), True)
    sent = unheard(street, 300000)
    numbers = {}
    for datagram in sent:
        number = piv_of(coap.decode(datagram))
        assert numbers.setdefault(number, datagram) == datagram
    assert len(sent) >= 10 and 2 <= len(numbers) < len(sent)
