"""`add_auth_spec`: a package says which secrets it needs, and a service finds them in `self.auth`."""

from __future__ import annotations

from support.waiting import eventually

from dripline.core import MsgAlert, Service

SERVICE = "secrets"


def test_the_secret_comes_from_the_authentication_file(ask):
    """It stands above the package's default, which is used for what the file does not hold."""
    assert ask.cmd("messenger", "signature") == ["1234", "general", True]


def test_the_secret_may_come_from_the_environment(environment):
    """The variable that the package names stands above the file."""
    code = (
        "from dripline.discovery import class_finder; import scarab\n"
        "app = scarab.MainApp()\n"
        "import dripline.extensions.add_auth_spec as module\n"
        "module.AddAuthSpec(app)\n"
        "app.auth.process_spec()\n"
        "print(app.auth.get('messenger', 'token'))\n"
    )
    done = environment.run("-c", code, LAB_MESSENGER_TOKEN="from-the-environment")
    assert (done.returncode, done.stdout) == (0, "from-the-environment\n"), done.stderr


def test_alerts_are_processed_with_what_the_routing_key_says(ask, laboratory):
    """`process_payload` gets the payload, the groups of the regular expression, and the time."""
    who = laboratory.named("oven")
    sender = Service(f"sender-{laboratory.tail}", dripline_mesh=laboratory.mesh)
    sender.start()
    try:
        for severity, payload in (("critical", {"message": "too hot"}), ("warning", "getting hot")):
            alert = MsgAlert.create(payload=payload, routing_key=f"status_message.{who}.{severity}")
            assert sender.send(alert).successful_send
    finally:
        sender.stop()
    expected = [[who, "critical", "too hot"], [who, "warning", "getting hot"]]
    assert eventually(lambda: ask.get("messenger", "sent")["values"][0] == expected, 60)
