"""The path of a customer, as both kinds of tests walk it."""

PASSWORD = "correct horse 9"


def register(client, name="budi", email="Budi@example.com"):
    form = {"username": name, "email": email, "password1": PASSWORD, "password2": PASSWORD}
    answer = client.post("/account/register/", form)
    assert (answer.status_code, answer["Location"]) == (302, "/account/code/"), answer.content


def enter(client, code):
    return client.post("/account/code/", {"code": code})


def log_in(client, name="budi", password=PASSWORD):
    return client.post("/login/", {"username": name, "password": password})
