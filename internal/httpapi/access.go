package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"sespan/internal/access"
	"sespan/internal/problem"
)

// keyAuthenticator checks service keys: access.Authenticator.
type keyAuthenticator interface {
	Authenticate(ctx context.Context, presented string) (access.Principal, error)
}

// tokenVerifier checks JWTs: access.Tokens.
type tokenVerifier interface {
	Verify(ctx context.Context, token string) (access.Principal, error)
}

// metaPublic marks an operation that anyone may call.
const metaPublic = "public"

// public opens an operation to everybody, without key or token.
func public(op huma.Operation) huma.Operation {
	op.Metadata[metaPublic] = true
	op.Security = []map[string][]string{}
	return op
}

// authenticate is a huma middleware: it finds out who calls and refuses whoever
// may not call the operation. Only the Authorization header counts: no query
// parameter and no cookie.
func authenticate(keys keyAuthenticator, tokens tokenVerifier) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		op := ctx.Operation()
		if open, _ := op.Metadata[metaPublic].(bool); open {
			next(ctx)
			return
		}
		r, w := humamux.Unwrap(ctx)
		p, err := identity(r, keys, tokens)
		if err != nil {
			if wait := requestContextOf(r.Context()).mustWait(); wait > 0 && problem.SlugOf(err) == problem.Unauthorized {
				err = tooMany(wait)
			}
			respond(w, r, err)
			return
		}
		recordPrincipal(requestContextOf(r.Context()), p, r.Header)
		if closed, _ := op.Metadata[metaByStaff].(bool); closed && p.Kind == access.KindKey {
			respond(w, r, problem.New(problem.Forbidden, access.NotByKey))
			return
		}
		allow, _ := op.Metadata[metaAllow].([]access.Role)
		if !p.Has(allow...) {
			respond(w, r, outOfReach(allow))
			return
		}
		next(huma.WithContext(ctx, withActor(access.With(ctx.Context(), p), p)))
	}
}

// outOfReach says which roles reach the call, and who gives them.
func outOfReach(allow []access.Role) error {
	if len(allow) == 0 {
		return problem.New(problem.Forbidden, "No role reaches this call.")
	}
	names := make([]string, len(allow))
	for i, role := range allow {
		names[i] = string(role)
	}
	return problem.Newf(problem.Forbidden, "The role of this key or token does not reach this call. Bring a key or token of the role %s, which an admin of the site gives.", strings.Join(names, " or "))
}

// withActor says who is at work, for the audit. A customer is none: draws are not
// audited, they are rows of their own.
func withActor(ctx context.Context, p access.Principal) context.Context {
	actor := access.Actor{Name: p.Name, Way: access.WayHTTP, Address: requestContextOf(ctx).clientIP}
	switch p.Kind {
	case access.KindKey:
		actor.ID = p.KeyID
	case access.KindStaff:
		actor.ID = p.Subject
	case access.KindCustomer:
		return ctx
	}
	return access.WithActor(ctx, actor)
}

func identity(r *http.Request, keys keyAuthenticator, tokens tokenVerifier) (access.Principal, error) {
	bearer, ok := bearerOf(r.Header)
	switch {
	case !ok:
		return access.Principal{}, problem.New(problem.Unauthorized, "Send one Authorization: Bearer header with a service key or a token.")
	case access.IsKey(bearer):
		return keys.Authenticate(r.Context(), bearer)
	}
	return tokens.Verify(r.Context(), bearer)
}

// bearerOf gives the credential of the one Authorization header (RFC 6750; the
// scheme's case does not matter, RFC 9110).
func bearerOf(h http.Header) (string, bool) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, credential, ok := strings.Cut(values[0], " ")
	credential = strings.TrimSpace(credential)
	return credential, ok && strings.EqualFold(scheme, "Bearer") && credential != ""
}

// recordPrincipal records what the log wants of the caller's identity.
func recordPrincipal(c *requestContext, p access.Principal, h http.Header) {
	c.known = true
	switch p.Kind {
	case access.KindKey:
		c.keep = !p.Has(access.RoleService)
		if sent := h.Values("Sespan-Client-Ip"); p.Has(access.RoleService) && len(sent) == 1 {
			if ip, err := netip.ParseAddr(strings.TrimSpace(sent[0])); err == nil {
				c.ofVisitor(ip)
				c.visitor = c.clientIP
			}
		}
	case access.KindCustomer:
		c.quota = "customer " + p.Subject
		if id, err := strconv.ParseInt(p.Subject, 10, 64); err == nil {
			c.customerID = &id
		}
	case access.KindStaff: // the call comes from the site's server, the person from elsewhere
		if p.Address.IsValid() {
			c.clientIP = p.Address
		}
		c.keep = true
	}
}

// ofVisitor records for which visitor of the site the call was made: a stranger, who
// can make the site call as often as they like.
func (c *requestContext) ofVisitor(ip netip.Addr) {
	c.clientIP = ip.Unmap().WithZone("")
	c.quota = "visitor " + network(c.clientIP).String()
}

// respond answers with the problem of any error.
func respond(w http.ResponseWriter, r *http.Request, err error) {
	writeDocument(w, documentOf(r.Context(), err))
}
