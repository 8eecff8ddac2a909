package kafka

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"sespan/internal/devtools/kafkad"
)

var shared = kafkad.Shared{Options: kafkad.Options{
	Users: []kafkad.User{{Name: "sespan", Password: "right and long=x"}},
}}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := shared.Close(); err != nil {
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}
func TestStart(t *testing.T) {
	c := shared.Cluster(t)
	t.Log(c.Addresses(kafkad.Plain))
}
