"""Организации: the legal entities that documents are made out to, and the documents."""

from server.console.page import Action, Page
from server.console.pages.organisations.changing import archive, choose_payer
from server.console.pages.organisations.documents import download_pdf, send, show_documents
from server.console.pages.organisations.editing import (
    check_changed,
    check_new,
    create,
    edit,
    new,
    update,
)
from server.console.pages.organisations.issuing import issue_act, issue_invoice, show_issuing
from server.console.pages.organisations.listing import show

PAGE = Page(
    "organisations",
    needs="ListOrganisations",
    actions=(
        Action("GET", "", show),
        Action("GET", "/new", new),
        Action("POST", "/new", create),
        Action("POST", "/new/check", check_new),
        Action("GET", "/documents", show_documents),
        Action("GET", "/documents/issue", show_issuing),
        Action("POST", "/documents/invoice", issue_invoice),
        Action("POST", "/documents/act", issue_act),
        Action("GET", "/documents/{document_id}.pdf", download_pdf),
        Action("POST", "/documents/{document_id}/send", send),
        Action("GET", "/{organisation_id}", edit),
        Action("POST", "/{organisation_id}", update),
        Action("POST", "/{organisation_id}/check", check_changed),
        Action("POST", "/{organisation_id}/payer", choose_payer),
        Action("POST", "/{organisation_id}/archive", archive),
    ),
)
