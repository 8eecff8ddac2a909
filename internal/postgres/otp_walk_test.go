package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/problem"
)

// account is the model of one account, beside which the walk does each step to the
// database and the service. It says who may be activated by a code, and nothing else.
type account struct {
	there, active bool
	right         string // none, live, ended
	// byHand: somebody else than the code has activated the account, or it was banned
	// before its code; seen says that Sespan could notice.
	byHand, seen bool
}

// see is what each call does that finds the account.
func (a *account) see() {
	if a.there && a.active && a.right == "live" {
		a.right = "ended"
	}
	a.seen = a.seen || a.active
}

type walk struct {
	d         *otpFixture
	site      *pgtest.Login
	watched   bool
	id        int64
	model     account
	codes     []mailed
	done      []string // steps, for the message
	activated int
}

type mailed struct {
	challenge uuid.UUID
	code      string
}

func (w *walk) steps() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"register": w.register, "wait for approval": w.waitForApproval, "delete": w.remove,
		"approve by save": w.save(true), "approve by SQL": w.update(true), "ban by save": w.save(false), "ban by SQL": w.update(false),
		"revoke": w.revoke, "ask for a code": w.ask(otp.Registration), "ask for a login": w.ask(otp.Login),
		"newest code": w.enter(-1), "older code": w.enter(-2), "wrong code": w.guess, "save as it is": w.saveAsItIs,
	}
}

func (w *walk) exec(t *testing.T, statements ...string) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), w.site.Pool, func(tx pgx.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(t.Context(), statement, w.id); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v: %v", w.done, err)
	}
}

// register is the site's flow: a new customer, or an unverified one whose data the
// newer form replaces.
func (w *walk) register(t *testing.T) {
	t.Helper()
	if !w.model.there {
		w.exec(t, insertInactive, otpRegister)
		w.model = account{there: true, right: "live"}
		return
	}
	w.model.see()
	want := "ended"
	if w.model.right == "live" {
		want = "live"
	}
	if got := run(t, w.site, w.id, otpSupersede, update); got != want {
		t.Fatalf("%v: otp_supersede: %s, want %s", w.done, got, want)
	}
	if got := run(t, w.site, w.id, otpRegister); got != want {
		t.Fatalf("%v: otp_register: %s, want %s", w.done, got, want)
	}
}

func (w *walk) waitForApproval(t *testing.T) {
	t.Helper()
	if w.model.there {
		return
	}
	w.exec(t, insertInactive)
	w.model = account{there: true, right: "none"}
}

func (w *walk) remove(t *testing.T) {
	t.Helper()
	w.exec(t, `DELETE FROM public.auth_user WHERE id = $1`)
	w.model, w.codes = account{right: "none"}, nil
}

const setActive = `UPDATE public.auth_user SET is_active = true WHERE id = $1`

// update is plain SQL: only the watch sees it.
func (w *walk) update(active bool) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		statement := `UPDATE public.auth_user SET is_active = false WHERE id = $1`
		if active {
			statement = setActive
		}
		w.exec(t, statement)
		if !w.model.there {
			return
		}
		w.model.byHand = w.model.byHand || active && !w.model.active
		w.model.active = active
		if w.watched {
			w.model.see()
		}
	}
}

// save is what a save by Django does.
func (w *walk) save(active bool) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		w.update(active)(t)
		w.exec(t, `SELECT sespan.otp_activated($1)`)
		w.model.see()
	}
}

func (w *walk) saveAsItIs(t *testing.T) {
	t.Helper()
	w.exec(t, update, `SELECT sespan.otp_activated($1)`)
	w.model.see()
}

func (w *walk) revoke(t *testing.T) {
	t.Helper()
	w.d.db.Exec(t, `SELECT sespan.otp_revoke($1)`, w.id) // staff has the right to
	if w.model.there {
		w.model.right, w.model.byHand, w.model.seen = "ended", true, true
	}
}

func (w *walk) ask(purpose otp.Purpose) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		w.d.later(t, time.Minute)
		before := len(w.d.mails(t))
		issued, err := w.d.Issue(t.Context(), otp.Request{CustomerID: &w.id, Purpose: purpose})
		slug := problem.SlugOf(err)
		if w.model.there == (slug == problem.UnknownCustomer) || !slices.Contains([]problem.Slug{"", problem.UnknownCustomer, problem.OTPTooSoon}, slug) {
			t.Fatalf("%v: issue: %v", w.done, err)
		}
		if !w.model.there {
			return
		}
		w.model.see()
		if mails := w.d.mails(t); err == nil && len(mails) > before && mails[before] != notice {
			w.codes = append(w.codes, mailed{issued.ChallengeID, mails[before]})
		}
	}
}

func (w *walk) guess(t *testing.T) {
	t.Helper()
	if len(w.codes) == 0 {
		return
	}
	last := w.codes[len(w.codes)-1]
	if err := w.d.verify(t, last.challenge, wrong(last.code)); err == nil {
		t.Fatalf("%v: a wrong code was right", w.done)
	}
	w.model.see()
}

// enter types a code that was mailed: the only step that may make somebody active whom
// no person made so.
func (w *walk) enter(which int) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if len(w.codes)+which < 0 {
			return
		}
		c := w.codes[len(w.codes)+which]
		before := w.model
		var purpose, status string
		err := w.d.db.Pool.QueryRow(t.Context(), `SELECT purpose, status FROM sespan.otp_challenge WHERE challenge_id = $1`, c.challenge).Scan(&purpose, &status)
		if err != nil {
			t.Fatal(err)
		}
		may := purpose == "registration" && before.right == "live"
		switch slug := problem.SlugOf(w.d.verify(t, c.challenge, c.code)); slug {
		case "":
			if !before.active && !may {
				t.Fatalf("%v: activated without a right: %+v", w.done, before)
			}
			if before.byHand && before.seen && !before.active {
				t.Fatalf("%v: a banned account is active again: %+v", w.done, before)
			}
			if !before.active {
				w.activated++
			}
			if purpose == "registration" && before.right == "live" {
				w.model.right = "ended"
			}
			w.model.active = true
		case problem.ActivationRefused:
			if before.active || may {
				t.Fatalf("%v: refused, although %+v", w.done, before)
			}
		default:
			if status == "pending" && which == -1 && slug != problem.OTPExpired && slug != problem.OTPLocked && slug != problem.OTPIncorrect {
				t.Fatalf("%v: %s of a %s challenge", w.done, slug, status)
			}
			w.model.see()
		}
	}
}

func (w *walk) step(t *testing.T, name string) {
	t.Helper()
	w.done = append(w.done, name)
	w.steps()[name](t)
	if got := text(t, w.site, `SELECT sespan.otp_right($1)`, w.id); got != w.model.right {
		t.Fatalf("%v: the right is %s, want %s", w.done, got, w.model.right)
	}
	if n := count(t, w.d.db, `SELECT count(*) FROM public.auth_user WHERE id = $1 AND is_active`, w.id); (n == 1) != w.model.active {
		t.Fatalf("%v: active %v, want %v", w.done, n == 1, w.model.active)
	}
}

// Every order of registering, registering again, approving, banning, codes, logins,
// revoking and deleting, walked beside the model: those that once went wrong first,
// then any. Who was banned, or never had a right, is never activated by a code; without
// the watch that holds for what Sespan could see.
func TestActivationInAnyOrder(t *testing.T) {
	t.Parallel()
	for name, watched := range map[string]bool{"watched": true, "not watched": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newOTPFixture(t, otpOptions{})
			site := d.newSite(t)
			if watched {
				watchCustomers(t, d.db, d.db.URL)
			}
			var id int64 = 1000
			activated := 0
			walks := append(faultWalks(), randomWalks(d, 30, 12)...)
			for _, steps := range walks {
				id++
				w := &walk{d: d, site: site, watched: watched, id: id, model: account{right: "none"}}
				for _, step := range steps {
					w.step(t, step)
				}
				activated += w.activated
			}
			if activated < len(walks)/10 {
				t.Errorf("%d accounts were activated in %d walks: the walk shows little", activated, len(walks))
			}
		})
	}
}

func faultWalks() [][]string {
	var walks [][]string
	for _, text := range []string{
		"wait for approval, register, ask for a code, register, ask for a code, register, ask for a code, newest code",
		"register, ask for a code, approve by save, ban by SQL, newest code, register, ask for a code, newest code",
		"register, ask for a code, approve by SQL, ban by SQL, newest code",
		"register, ask for a code, approve by SQL, ask for a login, ban by SQL, newest code, older code",
		"register, ask for a code, newest code, ban by SQL, newest code, register, ask for a code, newest code",
		"register, ask for a code, revoke, newest code, register, ask for a code, newest code",
		"register, ask for a code, ban by save, save as it is, newest code",
		"register, ask for a code, register, older code, ask for a code, older code, newest code",
		"register, ask for a code, delete, register, ask for a code, newest code",
		"revoke, register, delete, register, revoke, ask for a code, newest code",
	} {
		walks = append(walks, strings.Split(text, ", "))
	}
	return walks
}

func randomWalks(d *otpFixture, n, length int) [][]string {
	r := rand.New(rand.NewPCG(11, 12))
	w := &walk{d: d}
	var names []string
	for name := range w.steps() {
		names = append(names, name)
	}
	slices.Sort(names)
	walks := make([][]string, n)
	for i := range walks {
		walks[i] = []string{"register"}
		for range length {
			walks[i] = append(walks[i], names[r.IntN(len(names))])
		}
	}
	return walks
}
