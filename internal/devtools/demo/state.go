package demo

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// state is what must be the same in the next run.
type state struct {
	ShopPassword  string `json:"shop_password"`  // of the shop's database login
	AdminPassword string `json:"admin_password"` // of the member of staff
	RolesPassword string `json:"roles_password"` // of the people with a role
	SecretKey     string `json:"secret_key"`     // Django's
}

func loadState(path string) (*state, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // our own file
	if errors.Is(err, fs.ErrNotExist) {
		s := &state{ShopPassword: rand.Text(), AdminPassword: "kopi-" + rand.Text()[:8], RolesPassword: "susu-" + rand.Text()[:8], SecretKey: rand.Text() + rand.Text()}
		return s, s.save(path)
	}
	if err != nil {
		return nil, err
	}
	s := &state{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w); start again with --reset", path, err)
	}
	return s, nil
}

func (s *state) save(path string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o600)
}
