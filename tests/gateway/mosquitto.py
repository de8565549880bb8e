"""A mosquitto broker on a free loopback port, and a client to it that shares nothing with ours."""

import queue
import signal
import socket
import subprocess
import time
from pathlib import Path

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.ports import free_port

MOSQUITTO = Path(__file__).parents[2] / ".tools/bin/mosquitto"
LIMIT_S = 60


class Broker:
    """A broker whose state stays in `folder` over `stop` and `start`."""

    def __init__(self, folder, *lines):
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.acl = folder / "acl"
        self.allow("topic readwrite #")
        configuration = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "user root",
            f"acl_file {self.acl}",
            "persistence true",
            f"persistence_location {folder}/",
            "set_tcp_nodelay true",
            *lines,
        ]
        (folder / "mosquitto.conf").write_text("\n".join(configuration) + "\n")
        self._process = None

    @property
    def url(self):
        """Return the broker's URL."""
        return f"mqtt://127.0.0.1:{self.port}"

    def allow(self, *lines):
        """Write the access list; a running broker takes it with `reload`."""
        self.acl.write_text("\n".join(lines) + "\n")
        self.acl.chmod(0o700)

    def reload(self):
        """Have the access list read again."""
        self._process.send_signal(signal.SIGHUP)

    def start(self):
        """Start, and return when it listens."""
        configuration = self._folder / "mosquitto.conf"
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline_s = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    def stop(self):
        """End it in order: what it has is saved."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(LIMIT_S)
            finally:
                self._process.kill()
            self._process = None

    def kill(self):
        """End it at once, as a power cut would: what it has not saved is gone."""
        self._process.kill()
        self._process.wait()
        self._process = None

    def resume(self):
        """Let a paused one go on."""
        self._process.send_signal(signal.SIGCONT)

    def pause(self):
        """Stop it as it is: connections stay, nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class City:
    """A client at the city's end: what it receives lies in `messages`, in order."""

    def __init__(self, broker, topic_filter="faubourg/#", name="city"):
        self.messages = queue.Queue()
        self._broker = broker
        self._topic_filter = topic_filter
        self._name = name
        self.connect()

    def connect(self):
        """Connect, again after the broker was away; by itself it never does."""
        subscribed = queue.Queue()
        self._client = Client(
            CallbackAPIVersion.VERSION2, self._name, protocol=MQTTv5, reconnect_on_failure=False
        )
        self._client.on_message = lambda client, _, message: self.messages.put(message)
        self._client.on_subscribe = lambda *_: subscribed.put(True)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic_filter, qos=1)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        port = self._broker.port
        self._client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        self._client.loop_start()
        subscribed.get(timeout=LIMIT_S)

    def publish(self, topic, payload, response_topic=None, correlation=None, qos=1):
        """Publish and return when the broker has it."""
        properties = Properties(PacketTypes.PUBLISH)
        if response_topic is not None:
            properties.ResponseTopic = response_topic
        if correlation is not None:
            properties.CorrelationData = correlation
        message = self._client.publish(topic, payload, qos=qos, properties=properties)
        message.wait_for_publish(LIMIT_S)

    def next(self, suffix):
        """Return the next message whose topic ends so; others are passed over."""
        while True:
            message = self.messages.get(timeout=LIMIT_S)
            if message.topic.endswith(suffix):
                return message

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()
