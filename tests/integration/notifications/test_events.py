"""What is told of, from the cause to the receiver: crossings, payments and documents."""

from dataclasses import asdict
from email.message import EmailMessage
from typing import Any

from ledger.payments.facts import Facts
from ledger.payments.top_up import Notice
from tests.integration.api.gateway import Gateway
from tests.integration.api.installation import SECOND, fresh_id
from tests.integration.notifications.asking import listed, update
from tests.integration.notifications.conftest import Opened, Post
from tests.unit.documents.samples import COMPANY, SELLER
from tollgate.v1 import history_pb2, organisations_pb2, payments_pb2
from tollgate.v1 import notifications_pb2 as pb

SELLING = {f"seller_{name}": value for name, value in asdict(SELLER).items()}


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\u00a0", " ")


async def test_a_charge_that_crosses_the_threshold_is_mailed_once_until_a_top_up_arms_it_again(
    post: Post,
) -> None:
    installation, gateway = post.installation, Gateway(post.admin)
    await installation.update("acme", low_balance_threshold_micros=50 * SECOND)
    await installation.adjust("acme", 100 * SECOND)
    await post.tell_acme(emails=["it@example.com"])
    await gateway.accepted()
    await gateway.charge("c1", 40)
    await gateway.charge("c1", 60)
    await gateway.charge("c1", 65)
    await gateway.posted("c1", 70)
    await installation.settled_down()
    await post.go()
    (first,) = post.mail.taken
    assert first["Subject"].startswith("Your balance is low: $0.0")
    assert "below $0.05" in text_of(first)

    await installation.adjust("acme", 200 * SECOND)
    await gateway.accepted("c2")
    await gateway.charge("c2", 200)
    await gateway.posted("c2", 200)
    await installation.settled_down()
    await post.go()
    first_again, second = post.mail.taken
    assert first_again is first
    assert second["Subject"].startswith("Your balance is low")
    assert second["Message-ID"] != first["Message-ID"]


async def test_a_crossing_carries_what_was_left_and_the_line(post: Post) -> None:
    installation, gateway = post.installation, Gateway(post.admin)
    await installation.update("acme", daily_cap_micros=60 * SECOND)
    await installation.adjust("acme", 1_000 * SECOND)
    await post.tell_acme(webhook_url=f"{post.webhook.url}/")
    await gateway.accepted()
    await gateway.charge("c1", 55)
    await gateway.posted("c1", 60)
    await installation.settled_down()
    await post.go()
    (posted,) = post.webhook.asked
    assert posted.json["type"] == "daily_cap_reached"
    data = posted.json["data"]
    assert data["currency"] == "USD"
    assert data["line_micros"] == 60 * SECOND
    assert 50 * SECOND <= data["value_micros"] <= 60 * SECOND


async def test_what_was_not_chosen_is_not_told(post: Post) -> None:
    installation, gateway = post.installation, Gateway(post.admin)
    await installation.update("acme", low_balance_threshold_micros=50 * SECOND)
    await installation.adjust("acme", 100 * SECOND)
    await post.tell_acme(emails=["it@example.com"], events=[pb.EVENT_KIND_PAYMENT_FAILED])
    await gateway.accepted()
    await gateway.posted("c1", 70)
    await installation.settled_down()
    assert await installation.ledger("SELECT count(*) FROM events") == 1
    assert not await listed(post.admin)


async def top_up(post: Post) -> str:
    made = await post.admin(
        payments_pb2.CreateTopUpRequest(
            request_id=fresh_id(), tenant_id="acme", credit_amount_micros=25_000_000
        )
    )
    return str(made.top_up.top_up_id)


async def test_a_payment_is_told_once_in_the_transaction_that_books_it(post: Post) -> None:
    await post.tell_acme(emails=["it@example.com"], language=history_pb2.LANGUAGE_RUSSIAN)
    confirm = payments_pb2.ConfirmTopUpRequest(
        request_id="confirm", tenant_id="acme", top_up_id=await top_up(post), note="bank"
    )
    await post.admin(confirm)
    await post.admin(confirm)
    await post.go()
    (mail,) = post.mail.taken
    assert mail["Subject"].replace("\u00a0", " ") == "Платёж получен: 25,00 $"
    assert "платёж 25,00 $ по пополнению № 1" in text_of(mail)


async def test_a_payment_that_failed_is_told_and_one_that_comes_nevertheless_too(
    post: Post,
) -> None:
    await post.tell_acme(webhook_url=f"{post.webhook.url}/")
    top_up_id = await top_up(post)
    top_ups = post.installation.parts.payments.top_ups
    for event_id, facts in (
        ("1", Facts(failed=True)),
        ("1", Facts(failed=True)),
        ("2", Facts(failed=True)),
        ("3", Facts(paid=True)),
        ("4", Facts(failed=True)),
    ):
        await top_ups.record("manual", Notice(event_id, "test", facts, top_up_id))
    await post.go()
    told = [posted.json for posted in post.webhook.asked]  # side by side, so in any order
    assert sorted(each["type"] for each in told) == ["payment_failed", "payment_received"]
    assert {each["data"]["credit_micros"] for each in told} == {25_000_000}


async def organisation(post: Post, email: str = "buh@example.ru") -> str:
    requisites = organisations_pb2.Organisation(**asdict(COMPANY) | {"email": email})
    made = await post.admin(
        organisations_pb2.CreateOrganisationRequest(
            request_id=fresh_id(), tenant_id="acme", organisation=requisites
        )
    )
    return str(made.organisation.organisation_id)


async def invoice(post: Post, organisation_id: str) -> Any:
    issued = await post.admin(
        organisations_pb2.IssueInvoiceRequest(
            request_id=fresh_id(),
            tenant_id="acme",
            organisation_id=organisation_id,
            pay_amount_kopecks=1_500_000,
        )
    )
    return issued.document


async def documents(post: Post, document_id: str) -> Any:
    request = organisations_pb2.GetDocumentRequest(tenant_id="acme", document_id=document_id)
    return (await post.admin(request)).document


async def test_an_invoice_is_mailed_with_its_pdf_and_knows_when(open_post: Opened) -> None:
    async with open_post(**SELLING) as post:
        await post.admin(update(language=history_pb2.LANGUAGE_RUSSIAN))
        issued = await invoice(post, await organisation(post))
        assert not (await documents(post, issued.document_id)).HasField("sent_at")
        await post.go()
        (mail,) = post.mail.taken
        assert mail["To"] == "buh@example.ru"
        assert mail["Subject"].replace("\u00a0", " ").startswith("Счёт на оплату № 1 от ")
        assert "на сумму 15 000,00 ₽ во вложении" in text_of(mail)
        (attached,) = mail.iter_attachments()
        assert attached.get_filename() == f"Счёт № 1 от {_dotted(issued.dated)}.pdf"
        pdf = attached.get_content()
        download = organisations_pb2.DownloadDocumentRequest(
            tenant_id="acme", document_id=issued.document_id
        )
        assert pdf == (await post.admin(download)).pdf
        assert pdf.startswith(b"%PDF")
        assert (await documents(post, issued.document_id)).HasField("sent_at")


def _dotted(dated: str) -> str:
    year, month, day = dated.split("-")
    return f"{day}.{month}.{year}"


async def test_a_document_is_sent_again_to_the_address_that_is_right_now(
    open_post: Opened,
) -> None:
    async with open_post(**SELLING) as post:
        organisation_id = await organisation(post, "wrong@example.ru")
        issued = await invoice(post, organisation_id)
        await post.go()
        change = organisations_pb2.UpdateOrganisationRequest(
            request_id=fresh_id(),
            tenant_id="acme",
            organisation=organisations_pb2.Organisation(
                organisation_id=organisation_id, email="right@example.ru"
            ),
        )
        change.update_mask.paths.append("email")
        await post.admin(change)
        send = organisations_pb2.SendDocumentRequest(
            request_id="send", tenant_id="acme", document_id=issued.document_id
        )
        assert (await post.admin(send)).email == "right@example.ru"
        await post.admin(send)
        await post.go()
        assert [mail["To"] for mail in post.mail.taken] == ["wrong@example.ru", "right@example.ru"]


async def test_a_document_cannot_be_sent_without_end(open_post: Opened) -> None:
    async with open_post(**SELLING) as post:
        issued = await invoice(post, await organisation(post))

        def send() -> organisations_pb2.SendDocumentRequest:
            return organisations_pb2.SendDocumentRequest(
                request_id=fresh_id(), tenant_id="acme", document_id=issued.document_id
            )

        for _ in range(10):
            await post.admin(send())
        assert (await post.admin.told(send())).reason == "OVERLOADED"


async def test_a_forecast_is_told_from_the_live_balance(post: Post) -> None:
    """At today's pace, whenever today began: the day is long enough in one of the two zones."""
    installation = post.installation
    await installation.tenant("east", time_zone="Pacific/Kiritimati")
    await installation.tenant("west", time_zone="Pacific/Honolulu")
    for tenant_id in ("east", "west"):
        await installation.update(tenant_id, low_balance_threshold_micros=500 * SECOND)
        await installation.adjust(tenant_id, 600 * SECOND)
        await post.admin(update(emails=[f"{tenant_id}@example.com"], tenant_id=tenant_id))
        calls = Gateway(post.admin, tenant_id)
        await calls.accepted()
        await calls.posted("c1", 400)
    await installation.settled_down()
    await post.go()
    told = [text_of(mail) for mail in post.mail.taken]
    assert len(told) == 2
    assert any("At today's pace the money will run out " in text for text in told)
