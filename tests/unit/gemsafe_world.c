/*
 * A folder for each test, and short ways to use a card.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw, setenv */
#include "tests/unit/gemsafe_world.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "card/base/crypto.h"

static char home[64];

const char *const families[FAMILIES] = {"gemsafe", "gemsafe-v3", "gemp15"};

const char *gemsafe_uri(const char *query, const char *family)
{
    static char text[256];

    snprintf(text, sizeof(text), "card:%s%s", query,
             strcmp(family, families[P15_FAMILY]) == 0 ? PIN_P15 : PIN);
    return text;
}

const char *gemsafe_path(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", home, name);
    return path;
}

void must(int rc, const char *what)
{
    if (rc < 0)
        fail_msg("%s: %d: %s", what, rc, card_error_sentence());
}

int use_uri(struct card_world *w, const char *text, const char *pem,
            int (*use)(struct card_key *key, const char *pem))
{
    struct card_object found;
    int rc = world_find(w, text, CARD_KIND_PRIVATE, &found);

    if (rc < 0)
        return rc;
    rc = use(found.key, pem);
    card_key_free(found.key);
    return rc;
}

static char letter_of(struct bytes cert)
{
    struct crypto_dates dates;

    assert_true(crypto_cert_dates(cert, &dates));
    if (dates.not_after < (int64_t)time(NULL))
        return 'x';
    return crypto_cert_has_common_name(cert, CRYPTO_ISSUER, ADVANCED) ? 'a'
                                                                      : 'c';
}

void list_issuers(struct card_world *w, const char *text, char out[8])
{
    struct card_search *search;
    struct card_object found;
    struct card_uri parsed;
    size_t count = 0;

    assert_int_equal(card_uri_parse(text, &parsed), 0);
    assert_int_equal(card_search_new(w->ctx, &parsed, CARD_KIND_CERT,
                                     &search), 0);
    card_uri_clear(&parsed);
    while (count < 7 && card_search_next(search, &found) == 0)
        out[count++] = letter_of(found.cert);
    out[count] = '\0';
    card_search_free(search);
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int gemsafe_make(void **state)
{
    (void)state;
    snprintf(home, sizeof(home), "/tmp/tessera-gemsafe-XXXXXX");
    if (mkdtemp(home) == NULL)
        return -1;
    return setenv("XDG_STATE_HOME", gemsafe_path("state"), 1);
}

int gemsafe_tidy(void **state)
{
    (void)state;
    return nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
