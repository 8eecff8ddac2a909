package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"

	"sespan/docs"
	"sespan/grafana"
	"sespan/internal/config"
)

// Dashboards are the commands of what Grafana and Prometheus read.
type Dashboards struct {
	Export DashboardsExport `cmd:"" help:"Write Grafana's dashboards and set-up, Prometheus' rules and the runbooks into a folder."`
}

// DashboardsExport is the command dashboards export.
type DashboardsExport struct {
	Dir         string `arg:"" help:"The folder; it is made where it is missing."`
	GrafanaURL  string `name:"grafana-url" placeholder:"URL" help:"Where Grafana is: alerts link to its panels."`
	RunbooksURL string `name:"runbooks-url" placeholder:"URL" help:"Where the pages of docs/runbooks are: alerts and panels link to them."`
	Force       bool   `help:"Overwrite files that somebody else wrote or changed."`
}

// exportList is the list of what an export wrote, as sha256sum writes it: a file of
// another hash is somebody else's.
const exportList = ".sespan-export"

// Run writes the files. Nothing is written when one of them is somebody else's.
func (c *DashboardsExport) Run(e *Env) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil { //nolint:gosec // Grafana and Prometheus run as other users
		return err
	}
	dir, err := os.OpenRoot(c.Dir) // no link in it leads out of it
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // nothing was written through it
	if foreign := foreignFiles(dir, files); len(foreign) > 0 && !c.Force {
		return &config.Error{
			Variable: c.Dir, Problem: "has files that are not as an export wrote them: " + strings.Join(foreign, ", "),
			Hint: "move them away, choose another folder, or overwrite them with --force",
		}
	}
	for _, f := range files {
		if err := writeAtomically(dir, f.path, f.text); err != nil {
			return err
		}
	}
	if err := writeAtomically(dir, exportList, hashes(files)); err != nil {
		return err
	}
	fmt.Fprintf(e.Out, "%d files in %s\n", len(files), c.Dir)
	if c.GrafanaURL == "" || c.RunbooksURL == "" {
		e.progress("Links of alerts and panels are paths of the project until --grafana-url and --runbooks-url name the addresses before them.")
	}
	return nil
}

// exported is a file to be written.
type exported struct {
	path string // with slashes
	text []byte
}

// files are those of the binary, with the addresses put in.
func (c *DashboardsExport) files() ([]exported, error) {
	var swaps []string
	for _, link := range []struct{ flag, address, path, after string }{
		{"--grafana-url", c.GrafanaURL, "/d/sespan-", "/d/sespan-"},
		{"--runbooks-url", c.RunbooksURL, "docs/runbooks/", "/"},
	} {
		base, err := linkBase(link.flag, link.address)
		if err != nil {
			return nil, err
		}
		if base != "" {
			swaps = append(swaps, `"`+link.path, `"`+base+link.after)
		}
	}
	replacer := strings.NewReplacer(swaps...)
	var out []exported
	for _, from := range []fs.FS{grafana.Files, docs.Runbooks} {
		err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(from, name)
			out = append(out, exported{name, []byte(replacer.Replace(leaveDocs(name, string(text))))})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pageOfDocs is a runbook's link to another page of docs/.
var pageOfDocs = regexp.MustCompile(`\[([^\]]+)\]\(\.\./([a-z-]+\.md)[^)]*\)`)

// leaveDocs makes a runbook's links those of the folder that it is written to; a page that
// is not written is named.
func leaveDocs(name, text string) string {
	if path.Ext(name) != ".md" {
		return text
	}
	return pageOfDocs.ReplaceAllString(strings.ReplaceAll(text, "](../../grafana/", "](../"), "$1 (docs/$2)")
}

// linkBase reads an address that paths are put behind.
func linkBase(flag, address string) (string, error) {
	if address == "" {
		return "", nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", &config.Error{Variable: flag, Problem: "is no address that paths can be put behind", Hint: "write it as https://example.org/grafana"}
	}
	base := strings.TrimRight(u.String(), "/")
	if strings.ContainsAny(base, "\"\\{}$`<>") { // it stands in quotes, in JSON, YAML and templates
		return "", &config.Error{Variable: flag, Problem: "has a character that no address has", Hint: "write it as https://example.org/grafana"}
	}
	return base, nil
}

// foreignFiles names those that an export would overwrite and that are neither the same
// nor as an earlier export left them.
func foreignFiles(dir *os.Root, files []exported) []string {
	ours := map[string]bool{}
	list, _ := dir.ReadFile(exportList) // none: nothing is ours
	for line := range strings.Lines(string(list)) {
		ours[strings.TrimSpace(line)] = true
	}
	var foreign []string
	for _, f := range files {
		there, err := dir.ReadFile(f.path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && (bytes.Equal(there, f.text) || ours[hashLine(f.path, there)]) {
			continue
		}
		foreign = append(foreign, f.path)
	}
	return foreign
}

func hashLine(name string, text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]) + "  " + name
}

func hashes(files []exported) []byte {
	var list strings.Builder
	for _, f := range files {
		list.WriteString(hashLine(f.path, f.text) + "\n")
	}
	return []byte(list.String())
}

// writeAtomically lets no reader see half a file: Grafana looks at its folder all the time.
func writeAtomically(dir *os.Root, name string, text []byte) error {
	if err := dir.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	unfinished := name + ".unfinished" // no *.json, no *.yml: neither of the two reads it
	err := dir.WriteFile(unfinished, text, 0o644)
	if err == nil {
		err = dir.Rename(unfinished, name)
	}
	if err != nil {
		_ = dir.Remove(unfinished) // none was made, or it is half a file
	}
	return err
}
