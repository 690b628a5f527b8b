/*
 * What tests of GemSafe cards share: the families, and a folder of the test for
 * cache and marks.
 */
#ifndef TESTS_UNIT_GEMSAFE_WORLD_H
#define TESTS_UNIT_GEMSAFE_WORLD_H

#include "tests/unit/card_world.h"
#include "tests/unit/test.h"

#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ADVANCED "TEST CERTEUROPE ADVANCED CA V3"
#define CLASSE3 "TEST Certeurope Classe 3 Plus V2"
#define PIN "?pin-value=123456"
#define WRONG "?pin-value=654321"
#define PIN_P15 "?pin-value=1234"

enum { FAMILIES = 3, P15_FAMILY = 2 };
extern const char *const families[FAMILIES];

/* "card:QUERY" with the PIN of that family's card; until the next call. */
const char *gemsafe_uri(const char *query, const char *family);
/* A path in the test's folder; until the next call. */
const char *gemsafe_path(const char *name);
/* Fails the test on an error, with its sentence. */
void must(int rc, const char *what);
/* Find the private key and use it. */
int use_uri(struct card_world *w, const char *text, const char *pem,
            int (*use)(struct card_key *key, const char *pem));
/*
 * Issuers of all certificates a URI gives: 'a' of ADVANCED, 'c' of CLASSE3, 'x'
 * for an expired one.
 */
void list_issuers(struct card_world *w, const char *text, char out[8]);

/* For cmocka: before and after each test, and after all. */
int gemsafe_make(void **state);
int gemsafe_tidy(void **state);
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, gemsafe_make, gemsafe_tidy)

#endif
