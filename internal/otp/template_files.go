package otp

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
)

//go:embed templates
var embedded embed.FS

const (
	layoutFile      = "layout.html"
	maxTemplateSize = 256 << 10
)

// templateFiles are the sources of the mails by file name.
type templateFiles map[string]string

func templateKeys() []templateKey {
	var keys []templateKey
	for _, l := range localeNames() {
		for _, p := range Purposes() {
			keys = append(keys, templateKey{string(p), l})
		}
		keys = append(keys, templateKey{noticeTemplate, l})
	}
	return keys
}

func (k templateKey) file(ext string) string {
	return k.name + "." + k.locale + "." + ext
}

// newTemplateFiles takes each known file from overrides or, where that has none,
// from the program. A file of another name there is a typing mistake and refused.
func newTemplateFiles(overrides fs.FS) (templateFiles, error) {
	files := templateFiles{}
	if err := files.add(embedded, "templates"); err != nil {
		return nil, err
	}
	if overrides == nil {
		return files, nil
	}
	known := slices.Sorted(maps.Keys(files))
	if err := files.add(overrides, "."); err != nil {
		return nil, err
	}
	for name := range files {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("mail template %s: there is no such mail; the file names are %s", name, strings.Join(known, ", "))
		}
	}
	return files, nil
}

func (f templateFiles) add(from fs.FS, dir string) error {
	entries, err := fs.ReadDir(from, dir)
	if err != nil {
		return fmt.Errorf("the folder of mail templates cannot be read: %w", plainPathError(err))
	}
	for _, e := range entries {
		if ext := path.Ext(e.Name()); e.IsDir() || (ext != ".txt" && ext != ".html") {
			continue
		}
		text, err := fs.ReadFile(from, path.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("mail template %s cannot be read: %w", e.Name(), plainPathError(err))
		}
		if len(text) > maxTemplateSize {
			return fmt.Errorf("mail template %s is larger than %d KiB", e.Name(), maxTemplateSize>>10)
		}
		f[e.Name()] = string(text)
	}
	return nil
}

func (f templateFiles) parse(key templateKey) (mailTemplate, error) {
	text, err := texttemplate.New(key.file("txt")).Parse(f[key.file("txt")])
	if err != nil {
		return mailTemplate{}, templateError(key.file("txt"), err)
	}
	html, err := htmltemplate.New(layoutFile).Parse(f[layoutFile])
	if err != nil {
		return mailTemplate{}, templateError(layoutFile, err)
	}
	if html, err = html.New(key.file("html")).Parse(f[key.file("html")]); err != nil {
		return mailTemplate{}, templateError(key.file("html"), err)
	}
	return mailTemplate{text: text, html: html}, nil
}

// templateError keeps the template package's reason on one line; it names the
// line and never a rendered value.
func templateError(file string, err error) error {
	reason := strings.TrimPrefix(oneLine(err.Error()), "template: ")
	return fmt.Errorf("mail template %s: %s", file, strings.TrimPrefix(reason, "html/template:"))
}

func plainPathError(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
