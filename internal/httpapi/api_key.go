package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sespan/internal/access"
	"sespan/internal/apilog"
)

// staffKeyService looks after keys for people: access.StaffKeys.
type staffKeyService interface {
	List(ctx context.Context, p access.Principal) ([]access.Key, error)
	Create(ctx context.Context, p access.Principal, r access.KeyRequest) (access.Key, string, error)
	Revoke(ctx context.Context, p access.Principal, id string) error
	Rotate(ctx context.Context, p access.Principal, id string, overlap time.Duration) (access.Key, string, error)
}

// KeyAnswer is a key without its secret. Exported: huma looks into no other embedded struct.
type KeyAnswer struct {
	KeyID     string     `json:"key_id" doc:"The public part of the key: the 12 characters after sk_."`
	Role      string     `json:"role" enum:"service,report,dashboard,admin"`
	Name      string     `json:"name" doc:"Who uses the key, for people."`
	OwnerID   *string    `json:"owner_id" doc:"The person whose own key it is; null for a machine's."`
	OwnerName *string    `json:"owner_name" doc:"That person's username when the key was made."`
	State     string     `json:"state" enum:"active,expired,revoked"`
	Created   time.Time  `json:"created_at"`
	Expires   *time.Time `json:"expires_at" doc:"From when it is refused; null for never."`
	Revoked   *time.Time `json:"revoked_at" doc:"When it was revoked; servers refuse it within seconds. null for not."`
	LastUsed  *time.Time `json:"last_used_at" doc:"Latest known use, up to a minute old; null for never."`
}

// newKeyAnswer is a key that was just made.
type newKeyAnswer struct {
	Key string `json:"key" doc:"The whole key, shown this once."`
	KeyAnswer
}

type (
	keyPath struct {
		KeyID string `path:"key_id" maxLength:"100" doc:"The 12 characters after sk_."`
	}
	keyCreate struct {
		Body struct {
			Role string `json:"role" enum:"service,report,dashboard,admin" doc:"What the key may do. A report person's own keys have the role report; an admin's own keys report, dashboard or admin."`
			Name string `json:"name" minLength:"1" maxLength:"100" doc:"Who uses the key, for people; printable characters."`
			Days *int   `json:"expires_in_days,omitempty" minimum:"1" maximum:"3650" doc:"Days until it expires. Left out: never; of a report person's own key 90, which is also the most."`
			Own  *bool  `json:"own,omitempty" doc:"The key belongs to the caller and ends with their right to its role. A report person's always do."`
		}
	}
	keyRotate struct {
		KeyID string `path:"key_id" maxLength:"100" doc:"The 12 characters after sk_."`
		Body  *struct {
			Overlap int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"86400" doc:"Seconds that the old key goes on beside the new one."`
		}
	}
	keyListResponse struct {
		Body struct {
			Keys []KeyAnswer `json:"keys" nullable:"false"`
		}
	}
	newKeyResponse struct{ Body newKeyAnswer }
)

// keyCalls are the operations on keys.
type keyCalls struct {
	keys  staffKeyService
	clock func() time.Time
}

func registerKey(api huma.API, keys staffKeyService, clock func() time.Time) {
	h := keyCalls{keys, clock}
	op := func(method, path, id, summary string, status int) huma.Operation {
		return byStaff(operation(apilog.Admin, method, path, id, summary, status, access.RoleAdmin, access.RoleReport))
	}
	const all, single, rotate = "/v1/keys", "/v1/keys/{key_id}", "/v1/keys/{key_id}/rotate"
	register(api, describe(op(http.MethodGet, all, "list-keys", "List the service keys", 200),
		"The oldest first, revoked ones too. An admin sees all, a report person their own."), h.list)
	register(api, describe(op(http.MethodPost, all, "create-key", "Make a service key", 201),
		"The answer shows the key, once. An admin makes keys of machines and own ones; a report person own ones, at most 10 live."), h.create, http.StatusConflict)
	register(api, describe(op(http.MethodDelete, single, "revoke-key", "Revoke a service key", 204),
		"Every server refuses it within seconds. Again it changes nothing."), h.revoke, http.StatusNotFound)
	register(api, describe(op(http.MethodPost, rotate, "rotate-key", "Make a key in the place of another", 201),
		"The new key has the same role, name, owner and end; the old one ends at once, or after the overlap. A key is rotated once; an own key by its owner alone."),
		h.rotate, http.StatusNotFound, http.StatusConflict)
}

func (h keyCalls) list(ctx context.Context, _ *noBody) (*keyListResponse, error) {
	p, _ := access.From(ctx)
	keys, err := h.keys.List(ctx, p)
	if err != nil {
		return nil, err
	}
	out := &keyListResponse{}
	out.Body.Keys = make([]KeyAnswer, len(keys))
	for i, k := range keys {
		out.Body.Keys[i] = h.answer(k)
	}
	return out, nil
}

func (h keyCalls) create(ctx context.Context, in *keyCreate) (*newKeyResponse, error) {
	p, _ := access.From(ctx)
	key, whole, err := h.keys.Create(ctx, p, access.KeyRequest{Role: access.Role(in.Body.Role), Name: in.Body.Name, Days: in.Body.Days, Own: in.Body.Own})
	return h.made(key, whole, err)
}

func (h keyCalls) revoke(ctx context.Context, in *keyPath) (*noBody, error) {
	p, _ := access.From(ctx)
	return nil, h.keys.Revoke(ctx, p, in.KeyID)
}

func (h keyCalls) rotate(ctx context.Context, in *keyRotate) (*newKeyResponse, error) {
	p, _ := access.From(ctx)
	overlap := time.Duration(0)
	if in.Body != nil {
		overlap = time.Duration(in.Body.Overlap) * time.Second
	}
	key, whole, err := h.keys.Rotate(ctx, p, in.KeyID, overlap)
	return h.made(key, whole, err)
}

func (h keyCalls) made(key access.Key, whole string, err error) (*newKeyResponse, error) {
	if err != nil {
		return nil, prefixField(err, "body.")
	}
	return &newKeyResponse{newKeyAnswer{Key: whole, KeyAnswer: h.answer(key)}}, nil
}

func (h keyCalls) answer(k access.Key) KeyAnswer {
	return KeyAnswer{
		KeyID: k.ID, Role: string(k.Role), Name: k.Name, OwnerID: orNull(k.OwnerID), OwnerName: orNull(k.OwnerName), State: k.State(h.clock()),
		Created: k.Created.UTC(), Expires: momentOrNull(k.Expires), Revoked: momentOrNull(k.Revoked), LastUsed: momentOrNull(k.LastUsed),
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func momentOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
