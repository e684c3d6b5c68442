"""The part of BillingService that is about organisations and documents."""

from typing import Any

from server.billing.documents import DocumentDesk
from server.billing.organisations import OrganisationDesk
from server.interceptors.principal import current_principal
from tollgate.v1 import organisations_pb2 as pb


class DocumentMethods:
    """Checks the key's reach and hands on to the desks."""

    def __init__(self, organisations: OrganisationDesk, documents: DocumentDesk) -> None:
        self._organisations, self._documents = organisations, documents

    async def CreateOrganisation(
        self, request: pb.CreateOrganisationRequest, context: Any
    ) -> pb.CreateOrganisationResponse:
        current_principal().require(request.tenant_id)
        return await self._organisations.create(request)

    async def GetOrganisation(
        self, request: pb.GetOrganisationRequest, context: Any
    ) -> pb.GetOrganisationResponse:
        current_principal().require(request.tenant_id)
        return await self._organisations.get(request)

    async def ListOrganisations(
        self, request: pb.ListOrganisationsRequest, context: Any
    ) -> pb.ListOrganisationsResponse:
        current_principal().require(request.tenant_id)
        return await self._organisations.list(request)

    async def UpdateOrganisation(
        self, request: pb.UpdateOrganisationRequest, context: Any
    ) -> pb.UpdateOrganisationResponse:
        current_principal().require(request.tenant_id)
        return await self._organisations.update(request)

    async def ArchiveOrganisation(
        self, request: pb.ArchiveOrganisationRequest, context: Any
    ) -> pb.ArchiveOrganisationResponse:
        current_principal().require(request.tenant_id)
        return await self._organisations.archive(request)

    async def SetPayer(self, request: pb.SetPayerRequest, context: Any) -> pb.SetPayerResponse:
        current_principal().require(request.tenant_id)
        return await self._organisations.set_payer(request)

    async def IssueInvoice(
        self, request: pb.IssueInvoiceRequest, context: Any
    ) -> pb.IssueInvoiceResponse:
        current_principal().require(request.tenant_id)
        return await self._documents.issue_invoice(request)

    async def IssueAct(self, request: pb.IssueActRequest, context: Any) -> pb.IssueActResponse:
        current_principal().require(request.tenant_id)
        return await self._documents.issue_act(request)

    async def GetDocument(
        self, request: pb.GetDocumentRequest, context: Any
    ) -> pb.GetDocumentResponse:
        current_principal().require(request.tenant_id)
        return await self._documents.get(request)

    async def ListDocuments(
        self, request: pb.ListDocumentsRequest, context: Any
    ) -> pb.ListDocumentsResponse:
        current_principal().require(request.tenant_id)
        return await self._documents.list(request)

    async def SendDocument(
        self, request: pb.SendDocumentRequest, context: Any
    ) -> pb.SendDocumentResponse:
        current_principal().require(request.tenant_id)
        return await self._documents.send(request)

    async def DownloadDocument(
        self, request: pb.DownloadDocumentRequest, context: Any
    ) -> pb.DownloadDocumentResponse:
        current_principal().require(request.tenant_id)
        return await self._documents.download(request)
