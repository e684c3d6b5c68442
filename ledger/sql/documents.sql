-- name: lock_tenant
SELECT true FROM tenants WHERE id = $1 FOR NO KEY UPDATE

-- name: next_number
INSERT INTO document_numbers AS numbers (seller_inn, kind, year, last)
VALUES ($1, $2, $3, 1)
ON CONFLICT (seller_inn, kind, year) DO UPDATE SET last = numbers.last + 1
RETURNING last

-- name: insert_document
INSERT INTO documents (
    id, tenant, kind, seller_inn, year, number, dated, organisation, seller, customer,
    amount_kopecks, vat_percent, vat_kopecks, top_up, month, charged_micros, currency, rate, email,
    pdf, pdf_sha256, issued_at
)
VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22
)

-- name: find_document
SELECT n, id, tenant, kind, number, dated, organisation, seller, customer, amount_kopecks,
       vat_percent, vat_kopecks, top_up, month, charged_micros, currency, rate, email, pdf_sha256,
       issued_at, sent_at
FROM documents
WHERE tenant = $1 AND id = $2

-- name: find_act
SELECT n, id, tenant, kind, number, dated, organisation, seller, customer, amount_kopecks,
       vat_percent, vat_kopecks, top_up, month, charged_micros, currency, rate, email, pdf_sha256,
       issued_at, sent_at
FROM documents
WHERE tenant = $1 AND kind = 'act' AND month = $2

-- name: find_invoice_of
SELECT n, id, tenant, kind, number, dated, organisation, seller, customer, amount_kopecks,
       vat_percent, vat_kopecks, top_up, month, charged_micros, currency, rate, email, pdf_sha256,
       issued_at, sent_at
FROM documents
WHERE tenant = $1 AND top_up = $2

-- name: list_documents
SELECT n, id, tenant, kind, number, dated, organisation, seller, customer, amount_kopecks,
       vat_percent, vat_kopecks, top_up, month, charged_micros, currency, rate, email, pdf_sha256,
       issued_at, sent_at
FROM documents
WHERE tenant = $1 AND n < $2 AND ($3::text IS NULL OR kind = $3)
ORDER BY n DESC
LIMIT $4

-- name: find_pdf
SELECT pdf FROM documents WHERE tenant = $1 AND id = $2

-- name: find_email
SELECT email FROM organisations WHERE tenant = $1 AND id = $2
