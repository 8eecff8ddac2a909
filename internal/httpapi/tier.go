package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/transaction"
)

// tierService looks after the tiers: transaction.Tiers.
type tierService interface {
	transaction.TierReader
	Save(ctx context.Context, t transaction.Tier) (transaction.Tier, error)
	Delete(ctx context.Context, id int64) error
	Replace(ctx context.Context, set []transaction.Tier) ([]transaction.Tier, error)
}

type tierSet struct {
	Tiers []tierAnswer `json:"tiers" nullable:"false"`
}

type (
	tierPath struct {
		TierID int64 `path:"tier_id" minimum:"1"`
	}
	tierCreate struct{ Body TierBody }
	tierUpdate struct {
		TierID int64 `path:"tier_id" minimum:"1"`
		Body   TierBody
	}
	tierReplace struct {
		Body struct {
			Tiers []tierInSet `json:"tiers" maxItems:"500" nullable:"false" doc:"The whole set: tiers that are not in it are deleted."`
		}
	}
	tierResponse        struct{ Body tierAnswer }
	tierCreatedResponse struct {
		Location string `header:"Location" doc:"Path of the new tier."`
		Body     tierAnswer
	}
	tierListResponse struct{ Body tierSet }
	noBody           struct{}
)

// tierCalls are the operations on tiers.
type tierCalls struct {
	tiers tierService
	minor transaction.Minor
}

func registerTier(api huma.API, tiers tierService, minor transaction.Minor) {
	h := tierCalls{tiers, minor}
	op := func(method, path, id, summary string, status int, allow ...access.Role) huma.Operation {
		return operation(apilog.Admin, method, path, id, summary, status, allow...)
	}
	const all, single = "/v1/tiers", "/v1/tiers/{tier_id}"
	register(api, op(http.MethodGet, all, "list-tiers", "List the tiers", 200, access.RoleAdmin, access.RoleReport), h.list)
	register(api, describe(op(http.MethodPost, all, "create-tier", "Make a tier", 201, access.RoleAdmin),
		"Active tiers must not overlap: an amount at a moment belongs to one of them at most."), h.create, http.StatusConflict)
	register(api, describe(op(http.MethodPut, all, "replace-tiers", "Replace all tiers", 200, access.RoleAdmin),
		"All or nothing; tiers may change places. Tiers with a tier_id are changed, those without are made, all others are deleted."),
		h.replace, http.StatusConflict, http.StatusNotFound)
	register(api, op(http.MethodGet, single, "get-tier", "Show a tier", 200, access.RoleAdmin, access.RoleReport), h.get, http.StatusNotFound)
	register(api, describe(op(http.MethodPut, single, "update-tier", "Replace a tier", 200, access.RoleAdmin),
		"Replaces every property: one that is left out becomes open, per_customer_draws 3."), h.update, http.StatusConflict, http.StatusNotFound)
	register(api, describe(op(http.MethodDelete, single, "delete-tier", "Delete a tier", 204, access.RoleAdmin),
		"Its transactions keep the tier_id, and its history stays in the database."), h.delete, http.StatusNotFound)
}

func (h tierCalls) list(ctx context.Context, _ *noBody) (*tierListResponse, error) {
	return h.listOf(h.tiers.TierList(ctx))
}

func (h tierCalls) get(ctx context.Context, in *tierPath) (*tierResponse, error) {
	return h.oneOf(h.tiers.TierByID(ctx, in.TierID))
}

func (h tierCalls) create(ctx context.Context, in *tierCreate) (*tierCreatedResponse, error) {
	out, err := h.save(ctx, 0, in.Body)
	if err != nil {
		return nil, err
	}
	return &tierCreatedResponse{Location: "/v1/tiers/" + strconv.FormatInt(out.Body.TierID, 10), Body: out.Body}, nil
}

func (h tierCalls) update(ctx context.Context, in *tierUpdate) (*tierResponse, error) {
	return h.save(ctx, in.TierID, in.Body)
}

func (h tierCalls) delete(ctx context.Context, in *tierPath) (*noBody, error) {
	return nil, h.tiers.Delete(ctx, in.TierID)
}

func (h tierCalls) replace(ctx context.Context, in *tierReplace) (*tierListResponse, error) {
	set := make([]transaction.Tier, len(in.Body.Tiers))
	for i, body := range in.Body.Tiers {
		t, err := body.tier(body.TierID)
		if err != nil {
			return nil, prefixField(err, "body.tiers["+strconv.Itoa(i)+"].")
		}
		set[i] = t
	}
	saved, err := h.tiers.Replace(ctx, set)
	return h.listOf(saved, prefixField(err, "body."))
}

func (h tierCalls) save(ctx context.Context, id int64, b TierBody) (*tierResponse, error) {
	t, err := b.tier(id)
	if err == nil {
		t, err = h.tiers.Save(ctx, t)
	}
	return h.oneOf(t, prefixField(err, "body."))
}

func (h tierCalls) oneOf(t transaction.Tier, err error) (*tierResponse, error) {
	if err != nil {
		return nil, err
	}
	return &tierResponse{h.answer(t)}, nil
}

func (h tierCalls) listOf(tiers []transaction.Tier, err error) (*tierListResponse, error) {
	if err != nil {
		return nil, err
	}
	out := &tierListResponse{tierSet{make([]tierAnswer, len(tiers))}}
	for i, t := range tiers {
		out.Body.Tiers[i] = h.answer(t)
	}
	return out, nil
}
