"""Which archives may be asked, and where their passwords come from."""

from pathlib import Path

import pytest

from mammo_core.archive.listed import (
    Archive,
    add_archive,
    authorization_of,
    find_archive,
    list_archives,
    remove_archive,
)
from mammo_core.cli import main
from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.files import archives_file


def archive(**changes: object) -> Archive:
    known: dict[str, object] = {"name": "pacs", "dicomweb": "https://pacs.example/dicom-web"}
    return Archive(**{**known, **changes})  # type: ignore[arg-type]


def test_an_archive_is_found_by_its_name_until_it_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "archives.json"
    with pytest.raises(ConfigError, match="No archive is listed yet"):
        find_archive(path, "pacs")
    add_archive(path, archive())
    add_archive(path, archive(name="other"))
    add_archive(path, archive(dicomweb="https://new.example/web"))
    assert [one.dicomweb for one in list_archives(path)] == [
        "https://pacs.example/dicom-web",
        "https://new.example/web",
    ]
    remove_archive(path, "other")
    with pytest.raises(UnknownNameError):
        find_archive(path, "other")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://pacs.example", "no address"),
        ("pacs.example/dicom-web", "no address"),
        ("https://[pacs.example/dicom-web", "no address"),
        ("https://pacs.example:dicom/web", "no address"),
        ("HTTPS://pacs.example/web", "no address"),
        ("https://pacs.example/dicom web", "no address"),
        ("https://anna:secret@pacs.example/", "neither a user nor a query"),
        ("https://pacs.example/?token=secret", "neither a user nor a query"),
        ("http://pacs.example/dicom-web", "HTTP without TLS"),
    ],
)
def test_an_address_that_cannot_be_trusted_is_refused(
    tmp_path: Path, address: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        add_archive(tmp_path / "archives.json", archive(dicomweb=address))


def test_on_this_computer_and_where_it_is_said_http_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "archives.json"
    add_archive(path, archive(dicomweb="http://127.0.0.1:8042/dicom-web"))
    add_archive(path, archive(dicomweb="http://pacs.example/web", may_be_plain=True))
    assert len(list_archives(path)) == 1


def test_a_password_comes_from_a_variable_or_a_private_file_alone(tmp_path: Path) -> None:
    of_variable = archive(user="anna", secret_variable="PACS_PASSWORD")
    assert authorization_of(of_variable, {"PACS_PASSWORD": "b"}) == "Basic YW5uYTpi"
    with pytest.raises(ConfigError, match="not in the variable PACS_PASSWORD"):
        authorization_of(of_variable, {})
    secret = tmp_path / "token"
    secret.write_text("t0ken\n")
    secret.chmod(0o644)
    of_file = archive(secret_file=str(secret))
    with pytest.raises(ConfigError, match="can be read by others"):
        authorization_of(of_file, {})
    secret.chmod(0o600)
    assert authorization_of(of_file, {}) == "Bearer t0ken"


def test_a_token_with_letters_that_no_header_may_have_is_refused_without_telling_it() -> None:
    of_variable = archive(secret_variable="PACS_TOKEN")
    with pytest.raises(ConfigError, match="letters that no token has") as refused:
        authorization_of(of_variable, {"PACS_TOKEN": "t\u014dken"})
    assert "ken" not in str(refused.value).replace("token", "")
    with_user = archive(user="anna", secret_variable="PACS_TOKEN")
    assert authorization_of(with_user, {"PACS_TOKEN": "\u014d"}).startswith("Basic ")


def test_a_file_of_certificates_is_looked_into_when_an_archive_is_added(
    tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = tmp_path / "none.pem"
    none.write_text("no certificate\n")
    for file in (none, tmp_path / "missing.pem"):
        added = ["archive", "add", "pacs", "--dicomweb", "https://pacs.example/web"]
        assert main([*added, "--ca", str(file)]) == 2
        assert f"cannot be read from the file {file.name}" in capsys.readouterr().err
    assert not archives_file().exists()


def test_an_archive_whose_address_was_spoiled_by_hand_is_refused_in_words(
    own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archives_file().parent.mkdir(parents=True)
    archives_file().write_text('{"archives": [{"name": "pacs", "dicomweb": "https://[pacs"}]}')
    assert main(["archive", "find", "pacs"]) == 2
    assert "no address of a DICOMweb service" in capsys.readouterr().err
    assert main(["archive", "remove", "pacs"]) == 0


def test_the_list_holds_no_secret(capsys: pytest.CaptureFixture[str], own_home: Path) -> None:
    added = ["archive", "add", "pacs", "--dicomweb", "https://pacs.example/web"]
    assert main([*added, "--user", "anna", "--password-env", "PACS_PASSWORD"]) == 0
    assert main(["archive", "list"]) == 0
    assert "user anna" in capsys.readouterr().out
    assert "PACS_PASSWORD" in archives_file().read_text()
    assert main([*added, "--user", "anna"]) == 2
    assert "has no password" in capsys.readouterr().err
