package cli

import (
	"context"
	"fmt"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// Migrate is the command migrate.
type Migrate struct {
	Up              MigrateUp              `cmd:"" help:"Apply the migrations that are missing, then roles and grants."`
	Down            MigrateDown            `cmd:"" help:"Take migrations back."`
	Status          MigrateStatus          `cmd:"" help:"Say which migrations are applied."`
	NewInstallation MigrateNewInstallation `cmd:"" help:"Make a restored copy safe, before serve works on it: no code works, and no mail goes out twice."`
	config.Database
	Roles
}

// MigrateUp is the command migrate up.
type MigrateUp struct{ Takeover }

// MigrateDown is the command migrate down.
type MigrateDown struct {
	Steps int  `default:"1" help:"How many migrations to take back."`
	Force bool `help:"Really drop tables and what they hold."`

	LoseMails bool `help:"Drop the queue with mails in it, too; without it they are counted, and nothing is done."`
}

// MigrateStatus is the command migrate status.
type MigrateStatus struct{}

// MigrateNewInstallation is the command migrate new-installation.
type MigrateNewInstallation struct {
	CancelMails bool `help:"Cancel all mails that are queued, for a copy beside the original, which sends them itself. Without it those that the original may have sent wait for a person."`
}

// Roles is how the database roles are named and made; given once, when the schema is made.
type Roles struct {
	RolePrefix string `env:"SESPAN_ROLE_PREFIX" placeholder:"PREFIX" help:"Prefix of the database roles, which all databases of a server share (sespan_). For a new installation; its schema remembers it, and another one is refused."`
	NoRoles    bool   `env:"SESPAN_NO_ROLES" help:"Create no roles; print the SQL that a DBA runs instead. The schema remembers it."`
}

// Takeover is what is done only when it is asked for: it changes what others have made.
type Takeover struct {
	ShareRoles bool `help:"Let a new installation take roles that another database or other people use already: their members get the same rights here."`
	Replace    bool `help:"Put a schema sespan of somebody else aside under another name, and let another table than the bound one become the customers. Says what goes."`
}

// Run applies what is missing.
func (u *MigrateUp) Run(ctx context.Context, m *Migrate, e *Env) error {
	if err := m.Resolve(); err != nil {
		return err
	}
	r, err := postgres.Migrate(ctx, m.Direct, postgres.MigrateOptions{
		RolePrefix: m.RolePrefix, NoRoles: m.NoRoles, ShareRoles: u.ShareRoles, Replace: u.Replace, Progress: e.progress,
	})
	if err != nil {
		return err
	}
	if len(r.Applied) == 0 {
		e.progress(fmt.Sprintf("the schema is up to date at version %d", r.To))
	}
	if r.RolesSQL != "" {
		e.progress("no roles were made: a DBA has to run what follows on standard output")
		fmt.Fprintln(e.Out, r.RolesSQL)
	}
	return nil
}

// Run takes migrations back.
func (d *MigrateDown) Run(ctx context.Context, m *Migrate, e *Env) error {
	if err := m.Resolve(); err != nil {
		return err
	}
	if d.Steps < 1 { // none would mean up
		return &config.Error{Variable: "--steps", Problem: "is out of its bounds", Hint: "take 1 or more migrations back"}
	}
	if !d.Force {
		return &config.Error{Variable: "--force", Problem: "is missing", Hint: "taking migrations back drops tables with what they hold; add --force when that is meant"}
	}
	_, err := postgres.Migrate(ctx, m.Direct, postgres.MigrateOptions{Down: d.Steps, LoseMails: d.LoseMails, RolePrefix: m.RolePrefix, NoRoles: m.NoRoles, Progress: e.progress})
	return err
}

// Run prints the versions.
func (*MigrateStatus) Run(ctx context.Context, m *Migrate, e *Env) error {
	if err := m.Resolve(); err != nil {
		return err
	}
	s, err := postgres.Status(ctx, m.Direct)
	if err != nil {
		return err
	}
	if s.Installation.RolePrefix != "" {
		if err := s.Installation.Refuse(m.RolePrefix, m.NoRoles); err != nil {
			return err
		}
	}
	fmt.Fprintf(e.Out, "database at version %d, this program at version %d\n", s.Current, s.Latest)
	for _, name := range s.Pending {
		fmt.Fprintf(e.Out, "pending  %s\n", name)
	}
	return nil
}

// Run ends what the other installation may have used up.
func (n *MigrateNewInstallation) Run(ctx context.Context, m *Migrate, e *Env) error {
	if err := m.Resolve(); err != nil {
		return err
	}
	r, err := postgres.RenewInstallation(ctx, m.Direct, n.CancelMails, e.progress)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Out, "codes     %d challenges ended: their codes no longer work\n", r.Challenges)
	fmt.Fprintf(e.Out, "mails     %d wait for a person, %d cancelled\n", r.MailsHeld, r.MailsCancelled)
	if r.MailsHeld > 0 {
		e.progress("what waits may have been sent: sespan mail stuck lists it, sespan mail retry sends it, sespan mail cancel does not")
	}
	return nil
}
