package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/otp"
	"sespan/internal/problem"
)

// otpService issues and verifies codes: otp.Service.
type otpService interface {
	Issue(ctx context.Context, r otp.Request) (otp.Issued, error)
	Resend(ctx context.Context, challenge uuid.UUID, visitor netip.Addr) (otp.Issued, error)
	Verify(ctx context.Context, challenge uuid.UUID, input, email string) (otp.Verification, error)
	Status(ctx context.Context, challenge uuid.UUID) (otp.ChallengeStatus, error)
}

const maxSealedData = 16 << 10

// siteData is a JSON object of the site, which nobody here looks into.
type siteData json.RawMessage

// UnmarshalJSON keeps the object without its white space, so that the same data
// is the same bytes. null is no data.
func (d *siteData) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*d = nil
		return nil
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		return err
	}
	*d = out.Bytes()
	return nil
}

// MarshalJSON writes the object as it came.
func (d siteData) MarshalJSON() ([]byte, error) { return d, nil }

// Schema implements huma.SchemaProvider.
func (siteData) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Examples: []any{map[string]any{"username": "sari"}},
		Description: "A JSON object of the site, up to 16 KiB: sealed until the code is verified, then given back once.",
	}
}

type otpRequest struct {
	Body struct {
		CustomerID    *customerID   `json:"customer_id,omitempty"`
		CustomerTable customerTable `json:"customer_table,omitempty" maxLength:"260" example:"public.auth_user" doc:"The table of the caller's customers, schema.table as in SQL: another one than bind-customers has bound is refused with 409."`
		Email         string        `json:"email,omitempty" format:"email" maxLength:"254" example:"sari@example.co" doc:"Without a customer_id: of a customer who logs in, or of a registration whose customer is made after the verification."`
		Purpose       otp.Purpose   `json:"purpose" enum:"registration,login" example:"registration" doc:"What the code is for; it serves nothing else."`
		Resume        bool          `json:"resume,omitempty" doc:"A challenge that has a live code will do: its answer comes back and nothing is mailed. For a person who comes back to the code form."`
		Known         bool          `json:"known_browser,omitempty" doc:"The visitor's browser has verified this address before: it has a budget of mails and of guesses of its own, which nobody else can use up."`
		Locale        string        `json:"locale,omitempty" maxLength:"64" example:"id-ID" doc:"Language of the mail: en or id; English for what is unknown."`
		Data          siteData      `json:"data,omitempty"`
	}
}

// ChallengePath names a challenge in a path.
type ChallengePath struct {
	ChallengeID string `path:"challenge_id" format:"uuid" minLength:"36" maxLength:"36" doc:"From the answer of POST /v1/otp."`
}

// id reads the path. The validation has refused what is no UUID; for it stands the
// zero id, which no challenge has.
func (p ChallengePath) id() uuid.UUID {
	id, err := uuid.Parse(p.ChallengeID)
	if err != nil {
		return uuid.Nil
	}
	return id
}

type challengeResponse struct {
	Body struct {
		ChallengeID uuid.UUID `json:"challenge_id" format:"uuid" example:"01997d4e-6f2a-7cc3-98c4-dc0c0c07398f" doc:"Handle of the challenge, for verify, resend and status."`
		Email       string    `json:"email" example:"s***@example.co" doc:"Where the code is sent, masked."`
		ValidUntil  time.Time `json:"valid_until" doc:"Until when the newest code is valid."`
		ResendAfter time.Time `json:"resend_after" doc:"From when a further code may be asked for."`
	}
}

type verifyRequest struct {
	ChallengePath // exported: huma looks into no other embedded struct
	Body          struct {
		OTPNumber string `json:"otp_number" minLength:"1" maxLength:"64" example:"123 456" doc:"What the person typed; spaces, dashes and full-width digits are fine."`
		Email     string `json:"email,omitempty" maxLength:"254" example:"sari@example.co" doc:"When given, it must be the challenge's address; else the code counts as wrong."`
	}
}

type verifyResponse struct {
	Body struct {
		Status     otp.Status  `json:"status" enum:"verified"`
		CustomerID *customerID `json:"customer_id,omitempty" doc:"Absent for a registration before its customer."`
		VerifiedAt time.Time   `json:"verified_at"`
		Data       siteData    `json:"data,omitempty"`
	}
}

type challengeStatusResponse struct {
	Body struct {
		Status       otp.Status  `json:"status" enum:"pending,verified,expired,superseded,locked,refused" doc:"refused: a correct code came without a right to activate."`
		Purpose      otp.Purpose `json:"purpose" enum:"registration,login"`
		Email        string      `json:"email" example:"s***@example.co" doc:"Masked."`
		ValidUntil   time.Time   `json:"valid_until"`
		ResendAfter  time.Time   `json:"resend_after"`
		AttemptsLeft int         `json:"attempts_left" minimum:"0" doc:"Wrong codes that the challenge still allows."`
		Delivery     string      `json:"delivery" enum:"queued,sent,failed" doc:"Of the newest mail."`
	}
}

func registerOTP(api huma.API, s otpService, tables customerTables) {
	h := otpHandlers{s, tables}
	register(api, describe(operation(apilog.OTP, http.MethodPost, "/v1/otp", "issue-otp", "Mail a code", http.StatusAccepted, access.RoleService),
		"Starts a challenge and mails its code. Asked again within 60 seconds, the answer is the same challenge and no second mail goes out; "+
			"later, a challenge that is still open gets a further code. An address that nobody has gets the same answer and no mail. "+
			"A registration answers alike whoever has the address: an active customer is mailed \"you already have an account\" in place of a code, "+
			"an inactive one who may not be activated and an address of several customers get no mail, and no code verifies the challenge. "+
			"A customer may be activated whom the site registered with sespan.otp_register in the transaction of its INSERT, and nobody else. "+
			"A site whose customers are active from the start asks for a code of purpose login."),
		h.issue, http.StatusNotFound, http.StatusConflict)
	register(api, describe(operation(apilog.OTP, http.MethodPost, "/v1/otp/{challenge_id}/verify", "verify-otp", "Verify a code", http.StatusOK, access.RoleService),
		"A challenge allows five wrong codes, an address ten an hour for a purpose. otp-incorrect carries attempts_left. "+
			"A correct code works once; for a registration it activates the customer, where sespan.otp_register granted the right to. "+
			"Where that right was revoked after the mail: 403 activation-refused, and the code is used up."),
		h.verify, http.StatusNotFound, http.StatusConflict, http.StatusGone)
	register(api, describe(operation(apilog.OTP, http.MethodPost, "/v1/otp/{challenge_id}/resend", "resend-otp", "Mail a further code", http.StatusAccepted, access.RoleService),
		"60 seconds after the last mail, as far as the address's budget of mails allows. Earlier codes of the challenge stay valid, three at once at most."),
		h.resend, http.StatusNotFound, http.StatusConflict, http.StatusGone)
	register(api, operation(apilog.OTP, http.MethodGet, "/v1/otp/{challenge_id}", "get-otp", "State of a challenge", http.StatusOK, access.RoleService),
		h.status, http.StatusNotFound)
}

type otpHandlers struct {
	service otpService
	tables  customerTables
}

func (h otpHandlers) issue(ctx context.Context, in *otpRequest) (*challengeResponse, error) {
	b := in.Body
	if err := b.CustomerTable.check(ctx, h.tables); err != nil {
		return nil, prefixField(err, "body.")
	}
	if len(b.Data) > maxSealedData {
		return nil, problem.Newf(problem.Invalid, "The data may have %d bytes.", maxSealedData).AtField("body.data")
	}
	issued, err := h.service.Issue(ctx, otp.Request{
		CustomerID: (*int64)(b.CustomerID), Email: b.Email, Purpose: b.Purpose, Resume: b.Resume,
		Locale: b.Locale, Data: b.Data, KnownBrowser: b.Known, Visitor: requestContextOf(ctx).visitor,
	})
	return issuedResponse(ctx, issued, err)
}

func (h otpHandlers) resend(ctx context.Context, in *ChallengePath) (*challengeResponse, error) {
	issued, err := h.service.Resend(ctx, in.id(), requestContextOf(ctx).visitor)
	return issuedResponse(ctx, issued, err)
}

func issuedResponse(ctx context.Context, issued otp.Issued, err error) (*challengeResponse, error) {
	requestContextOf(ctx).customerID = issued.CustomerID
	if err != nil {
		return nil, err
	}
	out := &challengeResponse{}
	out.Body.ChallengeID, out.Body.Email = issued.ChallengeID, issued.Email
	out.Body.ValidUntil, out.Body.ResendAfter = issued.ValidUntil.UTC(), issued.ResendAfter.UTC()
	return out, nil
}

func (h otpHandlers) verify(ctx context.Context, in *verifyRequest) (*verifyResponse, error) {
	v, err := h.service.Verify(ctx, in.id(), in.Body.OTPNumber, in.Body.Email)
	c := requestContextOf(ctx)
	c.customerID = v.CustomerID
	if err != nil {
		return nil, err
	}
	c.quota, c.keep = "", true // a verified code has its row
	out := &verifyResponse{}
	out.Body.Status, out.Body.CustomerID = otp.Verified, (*customerID)(v.CustomerID)
	out.Body.VerifiedAt, out.Body.Data = v.VerifiedAt.UTC(), siteData(v.Data)
	return out, nil
}

func (h otpHandlers) status(ctx context.Context, in *ChallengePath) (*challengeStatusResponse, error) {
	s, err := h.service.Status(ctx, in.id())
	requestContextOf(ctx).customerID = s.CustomerID
	if err != nil {
		return nil, err
	}
	out := &challengeStatusResponse{}
	b := &out.Body
	b.Status, b.Purpose, b.Email, b.AttemptsLeft, b.Delivery = s.Status, s.Purpose, s.Email, s.AttemptsLeft, s.Delivery
	b.ValidUntil, b.ResendAfter = s.ValidUntil.UTC(), s.ResendAfter.UTC()
	return out, nil
}
