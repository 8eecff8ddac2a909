"""What the pages do: one module per verb, called by a thin view, calling the client.

    register ─▶ send_code ─▶ (mail) ─▶ verify_code ─▶ log_in
                   ▲                        │
              resend_code ◀─────────────────┘

A flow that calls Sespan has committed before and refuses to run in a transaction.
`pending_code` is what the visitor's session remembers in between.
"""
