/*
 * New key pairs on tokens.
 */
#include "card/search_int.h"

struct birth {
    struct card *card;
    struct card_key *key; /* out */
};

static int take_key(void *arg, const struct token_found *found)
{
    struct birth *birth = arg;

    return key_new(birth->card, found->key, found->der, &birth->key);
}

static int generate_on(struct card_search *s, struct card *c,
                       const struct card_key_request *request,
                       struct card_key **out)
{
    struct birth birth = {.card = c};
    int rc;

    if ((rc = card_begin(c)) < 0)
        return rc;
    rc = c->token.driver->generate(&c->token, request, s->uri.object,
                                   &s->uri.id, take_key, &birth);
    card_end(c, READER_LEAVE);
    if (rc == 0 && (rc = search_name_pin(s, birth.key)) < 0)
        card_key_free(birth.key);
    if (rc == 0)
        *out = birth.key;
    return rc;
}

int card_generate(struct card_context *ctx, struct card_uri *uri,
                  const struct card_key_request *request,
                  struct card_key **out)
{
    struct card_search *s;
    struct card *c;
    int rc;

    card_error_clear();
    if ((rc = card_search_new(ctx, uri, CARD_KIND_PRIVATE, &s)) < 0)
        return rc;
    if (!search_is_for_tokens(s))
        rc = card_fail(CARD_E_UNSUPPORTED, "keys are made on tokens of PKCS#11 "
                       "modules only, named by a pkcs11: URI");
    else if ((rc = search_one_token(s, &c)) == 0) {
        rc = generate_on(s, c, request, out);
        if (rc < 0)
            card_fail_in(rc, "%s", c->name);
        card_unref(c);
    }
    card_search_free(s);
    return rc;
}
