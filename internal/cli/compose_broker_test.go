package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each broker's profile has one service, and the command that the file's head names gives
// serve a URL that leads to it.
func TestComposeBrokers(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	c := loadCompose(t)
	if got := c.Services["sespan"].Environment["SESPAN_BROKER_URL"]; got != "${SESPAN_BROKER_URL:-}" {
		t.Errorf("serve gets SESPAN_BROKER_URL=%s, want what the caller has, or none", got)
	}
	for profile, url := range map[string]string{"rabbitmq": "amqp://sespan:demo-only@rabbitmq:5672/", "kafka": "kafka://kafka:9092"} {
		s := c.Services[profile]
		if len(s.Profiles) != 1 || s.Profiles[0] != profile || !regexp.MustCompile(`:\d+\.\d+\.\d+$`).MatchString(s.Image) || len(s.Ports) > 0 {
			t.Errorf("%s is of the profiles %v, has the image %s and publishes %v; want its own, one version and nothing", profile, s.Profiles, s.Image, s.Ports)
		}
		found := regexp.MustCompile("SESPAN_BROKER_URL=(\\S+) docker compose --profile " + profile + " up").FindSubmatch(raw)
		if found == nil {
			t.Errorf("the file's head does not say how to start with %s", profile)
			continue
		}
		if string(found[1]) != url {
			t.Errorf("the file's head leads to %s, want %s", found[1], url)
		}
	}
}

func TestComposeKafkaIsThatOfTheTests(t *testing.T) {
	t.Parallel()
	kafka := loadCompose(t).Services["kafka"]
	if got := kafka.Environment["KAFKA_ADVERTISED_LISTENERS"]; got != "PLAINTEXT://kafka:9092" {
		t.Errorf("Kafka says that it is at %s", got)
	}
	_, version, _ := strings.Cut(kafka.Image, ":")
	jars, err := os.ReadFile(filepath.Join(root, "internal/devtools/kafkad/jars.txt"))
	if err != nil || !strings.Contains(string(jars), "/kafka_2.13-"+version+".jar") {
		t.Errorf("Kafka is %s, which the tests do not start: %v", version, err)
	}
}

// The user of the URL is the one that the node makes, and serve may connect: guest is let in from the node itself alone.
func TestComposeRabbitMQ(t *testing.T) {
	t.Parallel()
	c := loadCompose(t)
	rabbitmq := c.Services["rabbitmq"]
	env := rabbitmq.Environment
	if env["RABBITMQ_DEFAULT_USER"]+":"+env["RABBITMQ_DEFAULT_PASS"] != "sespan:demo-only" {
		t.Errorf("the URL's user is another than %v", env)
	}
	if env["RABBITMQ_NODENAME"] != "rabbit@localhost" || !slices.Equal(rabbitmq.Volumes, []string{"rabbitmq:/var/lib/rabbitmq"}) {
		t.Errorf("the node %s does not find its queues again in %v", env["RABBITMQ_NODENAME"], rabbitmq.Volumes)
	}
}
