package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"sespan/internal/devtools/kafkad"
)

// certificates of the node and of a client, by one authority.
type certificates struct {
	files  kafkad.TLS
	roots  *x509.CertPool
	client tls.Certificate
}

var authority *certificates

func newAuthority(folder string) (*certificates, error) {
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	caText, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	leaf := func(serial int64) (chain, key []byte, err error) {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		text, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}, ca, &private.PublicKey, caKey)
		if err != nil {
			return nil, nil, err
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), err
	}
	c := &certificates{files: kafkad.TLS{KeyAndChain: filepath.Join(folder, "node.pem"), ClientCA: filepath.Join(folder, "ca.pem")}, roots: x509.NewCertPool()}
	caPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caText})
	c.roots.AppendCertsFromPEM(caPEM)
	chain, key, err := leaf(2)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.files.KeyAndChain, append(key, chain...), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.files.ClientCA, caPEM, 0o600); err != nil {
		return nil, err
	}
	if chain, key, err = leaf(3); err != nil {
		return nil, err
	}
	c.client, err = tls.X509KeyPair(chain, key)
	return c, err
}
