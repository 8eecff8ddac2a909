package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sespan/internal/address"
)

const (
	attackStep       = 5 * time.Minute // between two rounds of a simulated day
	attackSteps      = int(24 * time.Hour / attackStep)
	attackedAddress  = "victim@example.com"
	attackingVisitor = "192.0.2.7"
	visitorAddresses = 25 // that a visitor asks for in a round
)

var (
	//go:embed attack_mails.sql
	attackMailsSQL string
	//go:embed attack_mails_reset.sql
	attackMailsResetSQL string
	//go:embed attack_mails_state.sql
	attackMailsStateSQL string
)

// mailAttack causes mails as a stranger does.
type mailAttack struct {
	*env
	bearer string
}

// benchAttackMails lives through two simulated days: in one strangers ask for mails to
// one address, in every form and spelling; in the other one visitor asks for mails to
// many. The owner of the address then logs in with a browser that is known.
func benchAttackMails(ctx context.Context, e *env) error {
	m := &mailAttack{env: e}
	if err := m.serve(ctx, "api,maintenance"); err != nil {
		return err
	}
	var err error
	if m.bearer, err = m.Bearer(ctx); err != nil {
		return err
	}
	if _, err := m.Admin.Exec(ctx, `INSERT INTO public.auth_user (username, email, is_active) VALUES ('victim', '`+attackedAddress+`', true)`); err != nil {
		return err
	}
	if err := m.oneAddress(ctx); err != nil {
		return err
	}
	if err := m.owner(ctx); err != nil {
		return err
	}
	if err := m.later(ctx, 25*time.Hour); err != nil {
		return err
	}
	return m.oneVisitor(ctx)
}

// oneAddress asks through all forms and spellings, each round by other visitors.
func (m *mailAttack) oneAddress(ctx context.Context) error {
	spellings := []string{attackedAddress, "VICTIM@EXAMPLE.COM", "victim@ｅxample.com", "ｖictim@example.com", "Victim@ⓔxample.com"}
	before, queuedBefore, err := m.state(ctx)
	if err != nil {
		return err
	}
	asked := 0
	for step := range attackSteps {
		for form := range 4 {
			spelling := spellings[(step+form)%len(spellings)]
			if err := m.ask(ctx, form, spelling, fmt.Sprintf("2001:db8:%x::%d", step, form+1)); err != nil {
				return err
			}
			asked++
		}
		if step+1 == attackSteps {
			break // a little later the first mail is a day old
		}
		if err := m.later(ctx, attackStep); err != nil {
			return err
		}
	}
	used, queued, err := m.state(ctx)
	if err != nil {
		return err
	}
	m.printf("\nA day of strangers and one address: asked %d times, in 4 forms and %d spellings\n", asked, len(spellings))
	m.report.AtMost("mails to one address in a day, asked for in every form and spelling", float64(queued-queuedBefore), 10, "")
	m.report.AtMost("of them counted", float64(used-before), 10, "")
	return nil
}

// ask uses one form: a login, a registration, its notice, a password reset.
func (m *mailAttack) ask(ctx context.Context, form int, email, visitor string) error {
	body := map[string]any{"email": email, "purpose": "login"}
	switch form {
	case 1:
		body["purpose"] = "registration"
	case 2:
		body["purpose"], body["data"] = "registration", map[string]string{"username": email}
	case 3:
		key, err := address.Key(email)
		if err != nil {
			return err
		}
		_, err = m.Admin.Exec(ctx, attackMailsResetSQL, key, visitor, attackedAddress)
		return err
	}
	_, _, err := m.post(ctx, "/v1/otp", visitor, body)
	return err
}

// oneVisitor asks for one address after the other, in an IPv6 network of its own.
func (m *mailAttack) oneVisitor(ctx context.Context) error {
	before, _, err := m.state(ctx)
	if err != nil {
		return err
	}
	for step := range attackSteps {
		for n := range visitorAddresses {
			body := map[string]any{"email": fmt.Sprintf("s%dn%d@example.com", step, n), "purpose": "registration"}
			if _, _, err := m.post(ctx, "/v1/otp", fmt.Sprintf("2001:db8:7:7::%x", step*visitorAddresses+n+1), body); err != nil {
				return err
			}
		}
		if err := m.later(ctx, attackStep); err != nil {
			return err
		}
	}
	used, _, err := m.state(ctx)
	if err != nil {
		return err
	}
	m.printf("A day of one visitor: asked for %d addresses\n", attackSteps*visitorAddresses)
	m.report.AtMost("mails that one visitor causes in a day", float64(used-before), 300, "")
	return nil
}

// owner logs in while nobody else gets a mail to the address any more.
func (m *mailAttack) owner(ctx context.Context) error {
	stranger, _, err := m.post(ctx, "/v1/otp", attackingVisitor, map[string]any{"email": attackedAddress, "purpose": "login"})
	if err != nil {
		return err
	}
	status, answer, err := m.post(ctx, "/v1/otp", attackingVisitor, map[string]any{"email": attackedAddress, "purpose": "login", "known_browser": true})
	if err != nil || status != http.StatusAccepted {
		return errors.Join(err, fmt.Errorf("the owner's browser is answered %d", status))
	}
	codes := &codesBench{env: m.env}
	if err := codes.open(ctx); err != nil {
		return err
	}
	own := codes.fresh[len(codes.fresh)-1]
	if answer["challenge_id"] != own.challenge {
		return errors.New("the newest mail is not the owner's")
	}
	status, _, err = m.post(ctx, "/v1/otp/"+own.challenge+"/verify", attackingVisitor, map[string]any{"otp_number": own.number})
	if err != nil {
		return err
	}
	m.printf("The owner meanwhile: a stranger is answered %d, the owner's own browser gets a code and logs in with %d\n", stranger, status)
	m.report.Zero("owners who were locked out", map[bool]int{true: 0, false: 1}[status == http.StatusOK])
	return nil
}

// post calls the service as the site does, for a visitor.
func (m *mailAttack) post(ctx context.Context, path, visitor string, body map[string]any) (status int, answer map[string]any, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+m.service.Addr+path, strings.NewReader(string(text)))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", m.bearer)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sespan-Client-Ip", visitor)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, nil, err
	}
	switch response.StatusCode {
	case http.StatusAccepted, http.StatusOK, http.StatusTooManyRequests:
		return response.StatusCode, answer, nil
	}
	return 0, nil, fmt.Errorf("POST %s answered %d: %v", path, response.StatusCode, answer)
}

func (m *mailAttack) later(ctx context.Context, by time.Duration) error {
	_, err := m.Admin.Exec(ctx, attackMailsSQL, by.Seconds())
	return err
}

func (m *mailAttack) state(ctx context.Context) (used, queued int64, err error) {
	err = m.Admin.QueryRow(ctx, attackMailsStateSQL).Scan(&used, &queued)
	return used, queued, err
}
