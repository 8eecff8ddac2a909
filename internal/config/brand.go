package config

import (
	"net/url"
	"regexp"
)

// resolveBrand checks how the mails of codes look.
func (s *Settings) resolveBrand() error {
	if s.SiteColor != "" && !regexp.MustCompile(`^#[0-9a-fA-F]{6}$`).MatchString(s.SiteColor) {
		return invalid("SESPAN_SITE_COLOR", "is "+quote(s.SiteColor), "write six hexadecimal digits, such as #2f6b54")
	}
	if s.SiteLogo == "" {
		return nil
	}
	if u, err := url.Parse(s.SiteLogo); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return invalid("SESPAN_SITE_LOGO", "is "+quote(s.SiteLogo), "write the https address of a picture, such as https://shop.example/static/logo.png")
	}
	return nil
}
