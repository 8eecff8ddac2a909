package httpapi

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/problem"
)

type loginRequest struct {
	Body struct {
		CustomerID    *customerID    `json:"customer_id,omitempty" doc:"Who logged in; leave it out for a failure of nobody known."`
		CustomerTable customerTable  `json:"customer_table,omitempty" maxLength:"260" example:"public.auth_user" doc:"The table whose key the customer_id is, schema.table as in SQL: another one than bind-customers has bound is refused with 409."`
		Username      string         `json:"username" maxLength:"254" example:"sari@example.com" doc:"The name that was typed; may be empty."`
		Outcome       apilog.Outcome `json:"outcome" enum:"success,failure"`
		IP            string         `json:"ip,omitempty" maxLength:"64" example:"192.0.2.7" doc:"The visitor's address, as the site knows it."`
		UserAgent     string         `json:"user_agent,omitempty" maxLength:"512" doc:"The visitor's browser."`
	}
}

type loginResponse struct {
	Body struct {
		ResponseID uuid.UUID `json:"response_id" doc:"The row of the API log; also the X-Response-Id header."`
	}
}

func newLoginMetric(reg prometheus.Registerer) *prometheus.CounterVec {
	logins := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sespan_logins_total", Help: "Logins that the site reported, by their outcome.",
	}, []string{"outcome"})
	reg.MustRegister(logins)
	for _, o := range []apilog.Outcome{apilog.Success, apilog.Failure} {
		logins.WithLabelValues(string(o))
	}
	return logins
}

func registerLogin(api huma.API, reg prometheus.Registerer, tables customerTables) {
	logins := newLoginMetric(reg)
	op := describe(operation(apilog.Login, http.MethodPost, "/v1/logins", "report-login", "Report a login of the site",
		http.StatusCreated, access.RoleService),
		"Writes a Login row of the API log, whose outcome is that of the login and whose address is the visitor's.")
	register(api, op, func(ctx context.Context, in *loginRequest) (*loginResponse, error) {
		if err := in.Body.CustomerTable.check(ctx, tables); err != nil {
			return nil, prefixField(err, "body.")
		}
		if err := recordLogin(requestContextOf(ctx), in); err != nil {
			return nil, err
		}
		logins.WithLabelValues(string(in.Body.Outcome)).Inc()
		out := &loginResponse{}
		out.Body.ResponseID = requestContextOf(ctx).responseID
		return out, nil
	}, http.StatusConflict)
}

// loginFailed stands in status_details of a login that the site refused.
const loginFailed = "login-failed"

// recordLogin makes the request's row that of the login; the row is the whole effect.
func recordLogin(c *requestContext, in *loginRequest) error {
	if in.Body.IP != "" {
		ip, err := netip.ParseAddr(in.Body.IP)
		if err != nil {
			return problem.New(problem.Invalid, "This is not an IP address.").AtField("body.ip")
		}
		c.ofVisitor(ip)
	}
	if c.quota == "" { // nobody says for which visitor
		c.quota = "username " + in.Body.Username
	}
	if in.Body.CustomerID != nil {
		id := int64(*in.Body.CustomerID)
		c.customerID = &id
	}
	c.outcome = in.Body.Outcome
	if c.outcome == apilog.Failure {
		c.details = loginFailed
	}
	return nil
}
