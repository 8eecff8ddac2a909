package config

import "sespan/internal/secret"

// SecretKeys are SESPAN_SECRET_KEYS.
type SecretKeys struct {
	SecretKeys     string `name:"secret-keys" group:"Keys" env:"SESPAN_SECRET_KEYS" needed:"always" secret:"" placeholder:"ID:BASE64,…" help:"Keys of 32 bytes; the first signs and seals, all verify and open."`
	SecretKeysFile string `name:"secret-keys-file" group:"Keys" env:"SESPAN_SECRET_KEYS_FILE" placeholder:"FILE" help:"File that holds them."`

	Ring *secret.Ring `kong:"-"`
}

// ResolveKeys reads the file and the keys.
func (s *SecretKeys) ResolveKeys() error {
	const hint = `set it to 1:<32 random bytes in base64>, as from: echo "1:$(openssl rand -base64 32)"`
	if err := required(&s.SecretKeys, s.SecretKeysFile, "SESPAN_SECRET_KEYS", hint); err != nil {
		return err
	}
	ring, err := secret.Parse(s.SecretKeys)
	if err != nil {
		return invalid("SESPAN_SECRET_KEYS", "cannot be used: "+err.Error(), hint)
	}
	s.Ring = ring
	return nil
}
