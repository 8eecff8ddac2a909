package apilog

import "bytes"

const redacted = "[redacted]"

// secretNames are fields whose whole name says that the value is secret, secretParts
// are words that do so anywhere in a name. Both in lower case, without - and _.
// Too much is redacted rather than too little.
var (
	secretNames = map[string]bool{
		"code": true, "pin": true, "pass": true, "data": true, "raw": true,
		"key": true, "seed": true, "auth": true, "xauth": true, "subscribeurl": true, "unsubscribeurl": true,
	}
	secretParts = [...]string{
		"otp", "password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "jwt", "oidc",
		"authoriz", "authoris", "authenticat", "cookie", "credential", "session", "csrf", "xsrf",
		"apikey", "accesskey", "privatekey", "signature", "assertion",
	}
)

const maxNameLength = 64

// secretName tells whether a value under this name must not be stored. A name
// too long to be one of ours counts as secret.
func secretName(name []byte) bool {
	if len(name) > maxNameLength {
		return true
	}
	var buffer [maxNameLength]byte
	plain := buffer[:0]
	for _, c := range name {
		switch {
		case c == '-' || c == '_' || c == ' ' || c == '.':
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		plain = append(plain, c)
	}
	if secretNames[string(plain)] {
		return true
	}
	for _, part := range secretParts {
		if bytes.Contains(plain, []byte(part)) {
			return true
		}
	}
	return false
}

// secretValue tells whether a value is a secret by its own form, whatever its
// name: a service key, or a JWT (its first part is {" in base64, so eyJ).
func secretValue(value []byte) bool {
	return hasTokenAfter(value, "sk_", 20) || hasTokenAfter(value, "eyJ", 20)
}

// hasTokenAfter tells whether prefix stands in value with at least n characters of
// a key or token behind it, so that task_id is not taken for a key.
func hasTokenAfter(value []byte, prefix string, n int) bool {
	for {
		i := bytes.Index(value, []byte(prefix))
		if i < 0 {
			return false
		}
		value = value[i+len(prefix):]
		run := 0
		for run < len(value) && run < n && tokenByte(value[run]) {
			run++
		}
		if run == n {
			return true
		}
	}
}

func tokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.' || c == '='
}
