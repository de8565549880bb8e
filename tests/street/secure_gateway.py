"""A gateway with OSCORE as a process, and a node's keys from its command line."""

import json

from tests.street.processes import GatewayProcess


class SecureGateway(GatewayProcess):
    """A gateway with OSCORE; everything that its command line says is kept."""

    def __init__(self, folder, port, text=""):
        super().__init__(folder, port, text)
        settings = self.config.read_text()
        self.config.write_text(settings.replace('security = "none"', 'security = "oscore"'))
        self.outputs = []

    def faubourg(self, *words):
        """Run the command line; return the finished process."""
        done = self.command_line(*map(str, words))
        self.outputs.append(done.stdout + done.stderr)
        return done

    def keys(self):
        """Return [(state, whether a renewal made it, when it was made)] of every context."""
        rows = json.loads(self.faubourg("keys", "list", "--json").stdout)
        return [(row["state"], row["id_context"] is not None, row["created_ms"]) for row in rows]

    def has_settled_keys(self):
        """Tell whether its one node has a secret that nobody else ever had."""
        rows = self.keys()
        return [(state, is_renewed) for state, is_renewed, _ in rows] == [("current", False)]

    def refused(self):
        """Return how many messages it could not, or would not, take as a node's."""
        counters = self.status()["counters"]
        return sum(count for name, count in counters.items() if name.startswith("security: "))

    def provision(self, node, file):
        """Make a node's keys, and have it start with them."""
        done = self.faubourg("keys", "add", node.endpoint, "--out", file)
        assert done.returncode == 0, done.stderr
        node.give_keys(file)
