package rabbitmqd

import "encoding/json"

// Users of a node beside guest: what a site gives to processes that may not declare anything.
const (
	Guest  = "guest"  // everything, in both virtual hosts
	Writer = "writer" // writes to exchanges, declares nothing, reads nothing
	Reader = "reader" // reads lanes and writes dead letters, declares nothing
	Nobody = "nobody" // no right in any virtual host

	// VHost is the second virtual host; the first is "/".
	VHost = "site"
)

type permission struct {
	User      string `json:"user"`
	VHost     string `json:"vhost"`
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

// definitions are loaded at the first start. Passwords are the users' names.
func definitions() []byte {
	type named struct {
		Name string `json:"name"`
	}
	type user struct {
		Name     string `json:"name"`
		Password string `json:"password"`
		Tags     string `json:"tags"`
	}
	content := struct {
		Users       []user       `json:"users"`
		VHosts      []named      `json:"vhosts"`
		Permissions []permission `json:"permissions"`
	}{
		VHosts: []named{{"/"}, {VHost}},
		Permissions: []permission{
			{Guest, "/", ".*", ".*", ".*"},
			{Guest, VHost, ".*", ".*", ".*"},
			{Writer, "/", "^$", `\.mail(\.dead)?$`, "^$"},
			{Reader, "/", "^$", `\.mail\.dead$`, `\.mail\.(urgent|normal|bulk)$`},
		},
	}
	for _, name := range []string{Guest, Writer, Reader, Nobody} {
		content.Users = append(content.Users, user{Name: name, Password: name})
	}
	text, err := json.Marshal(content)
	if err != nil {
		panic(err) // strings alone
	}
	return text
}
