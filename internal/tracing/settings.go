package tracing

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// The standard variables that are looked at here; the SDK reads these and its others.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
const (
	varDisabled       = "OTEL_SDK_DISABLED"
	varExporter       = "OTEL_TRACES_EXPORTER"
	varSampler        = "OTEL_TRACES_SAMPLER"
	varSamplerArg     = "OTEL_TRACES_SAMPLER_ARG"
	varResource       = "OTEL_RESOURCE_ATTRIBUTES"
	varEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	varTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)

// SettingError is a variable that cannot be used. It never holds the value of headers.
type SettingError struct{ Variable, Problem, Hint string }

func (e *SettingError) Error() string {
	return e.Variable + " " + e.Problem + "; " + e.Hint
}

// enabled tells whether a collector is named, and refuses what the SDK would only
// complain of and go on without.
func enabled(getenv func(string) string) (bool, error) {
	get := func(name string) string { return strings.TrimSpace(getenv(name)) }
	exporter := get(varExporter)
	if strings.EqualFold(get(varDisabled), "true") || exporter == "none" {
		return false, nil
	}
	if get(varEndpoint) == "" && get(varTracesEndpoint) == "" && exporter == "" {
		return false, nil
	}
	if exporter != "" && exporter != "otlp" {
		return false, &SettingError{varExporter, fmt.Sprintf("is %q", exporter), "only otlp and none are known"}
	}
	for _, check := range []func(func(string) string) error{checkEndpoint, checkProtocol, checkSampler, checkTimeout, checkFiles} {
		if err := check(get); err != nil {
			return false, err
		}
	}
	return true, nil
}

func checkEndpoint(get func(string) string) error {
	for _, name := range []string{varTracesEndpoint, varEndpoint} {
		if get(name) == "" {
			continue
		}
		u, err := url.Parse(get(name))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return &SettingError{name, "is no URL of http or https", "name a collector such as http://127.0.0.1:4318"}
		}
	}
	return nil
}

// either gives the variable of traces alone where it is set, else the general one.
func either(get func(string) string, what string) (name, value string) {
	for _, name = range []string{"OTEL_EXPORTER_OTLP_TRACES_" + what, "OTEL_EXPORTER_OTLP_" + what} {
		if value = get(name); value != "" {
			return name, value
		}
	}
	return name, ""
}

func checkProtocol(get func(string) string) error {
	name, protocol := either(get, "PROTOCOL")
	if protocol != "" && !strings.HasPrefix(protocol, "http/") {
		return &SettingError{name, fmt.Sprintf("is %q", protocol), "write http/protobuf, and the port for HTTP (4318) into the endpoint: gRPC is not spoken here"}
	}
	return nil
}

func checkSampler(get func(string) string) error {
	sampler := strings.ToLower(get(varSampler))
	switch sampler {
	case "", "always_on", "always_off", "parentbased_always_on", "parentbased_always_off":
		return nil
	case "traceidratio", "parentbased_traceidratio":
	default:
		return &SettingError{varSampler, fmt.Sprintf("is %q", sampler), "write parentbased_traceidratio, parentbased_always_on, parentbased_always_off, traceidratio, always_on or always_off"}
	}
	if ratio, err := strconv.ParseFloat(get(varSamplerArg), 64); get(varSamplerArg) != "" && (err != nil || !(ratio >= 0 && ratio <= 1)) {
		return &SettingError{varSamplerArg, "is no number from 0 to 1", "write the share of traces to keep, such as 0.1"}
	}
	return nil
}

func checkTimeout(get func(string) string) error {
	name, timeout := either(get, "TIMEOUT")
	if ms, err := strconv.Atoi(timeout); timeout != "" && (err != nil || ms <= 0) {
		return &SettingError{name, "is no number of milliseconds", "write 10000 for ten seconds"}
	}
	return nil
}

// checkFiles looks into the certificates: without theirs the SDK would trust those of the system.
func checkFiles(get func(string) string) error {
	for _, what := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
		name, file := either(get, what)
		if file == "" {
			continue
		}
		raw, err := os.ReadFile(file) //nolint:gosec // the operator names the file
		if err != nil {
			return &SettingError{name, "cannot be read: " + err.Error(), "name a file of PEM that this process may read"}
		}
		if what == "CERTIFICATE" && !x509.NewCertPool().AppendCertsFromPEM(raw) {
			return &SettingError{name, "holds no certificate", "name a file of PEM certificates"}
		}
	}
	return nil
}
