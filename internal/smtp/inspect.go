package smtp

import (
	"context"
	"crypto/tls"
	"time"
)

// Dialogue is how a relay speaks with us, up to where a mail would begin.
type Dialogue struct {
	TLS             string    // version, such as "TLS 1.3"; "" in clear
	CertificateEnds time.Time // the first of its chain to end; zero in clear
	Authenticated   bool
	Loopback        bool // it can only be on this machine
}

// Inspect speaks with the relay as Check does, and tells how.
func (r *Relay) Inspect(ctx context.Context) (Dialogue, error) {
	c, err := r.acquire(ctx, nil, 0)
	if err != nil {
		return Dialogue{}, err
	}
	defer r.release(c)
	d := Dialogue{Authenticated: r.cfg.Username != "", Loopback: loopback(r.cfg.Host)}
	session, secure := c.wire.Conn.(*tls.Conn)
	if !secure {
		return d, nil
	}
	state := session.ConnectionState()
	d.TLS = tls.VersionName(state.Version)
	for _, certificate := range state.PeerCertificates {
		if d.CertificateEnds.IsZero() || certificate.NotAfter.Before(d.CertificateEnds) {
			d.CertificateEnds = certificate.NotAfter
		}
	}
	return d, nil
}
