package kafkad

import (
	"errors"
	"os"
	"path/filepath"
)

// Options of a Cluster; the zero value is one node.
type Options struct {
	Nodes int    // [1]; from three on two copies of a topic must be in sync
	Jars  string // folder that Fetch filled [.cache/kafka of the checkout]
	Users []User // who may log in by SASL
	TLS   *TLS   // nil: no listener with TLS
	Log   string // file to which all nodes write [none]

	// Advertise gives the address by which clients come to a node's listener Outside, such
	// as that of a proxy. Nil: there is no such listener.
	Advertise func(listener string) (address string, err error)
}

// User of the SASL listeners. PLAIN and both SCRAMs take the password, which has no comma.
type User struct{ Name, Password string }

// TLS are files in PEM.
type TLS struct {
	KeyAndChain string // of the nodes: the key (PKCS #8), then certificates
	ClientCA    string // whose certificates clients show
}

// Jars finds the folder of the jars from a package's folder or any above it.
func Jars() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		jars := filepath.Join(folder, ".cache", "kafka")
		if _, err := os.Stat(filepath.Join(jars, "kafka_2.13-4.1.0.jar")); err == nil {
			return jars, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", errors.New("kafkad: Apache Kafka is needed, run make .cache/kafka/.ready")
		}
		folder = above
	}
}
