/*
 * Tokens of PKCS#11 modules as they come: that go and come back, ask for PINs
 * in their own ways or not at all, lack mechanisms, hold much; and what is no
 * module.
 */
#define _GNU_SOURCE /* dladdr */
#include "tests/unit/test.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/p11/test_token.h"
#include "tests/unit/p11_world.h"

static int sign_ec(struct card_key *k)
{
    return p11_sign_and_check(k, P11_EC, CARD_PAD_PKCS1);
}

static int find_and_sign(const char *rest)
{
    struct card_key *k;
    int rc = p11_find_key(p11_uri(P11_EC, rest), &k);

    if (rc < 0)
        return rc;
    rc = sign_ec(k);
    card_key_free(k);
    return rc;
}

/* How many objects there are, with an error other than the end. */
static unsigned count_objects(const char *uri, unsigned which_kinds, int *rc)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri parsed;
    unsigned n = 0;

    assert_int_equal(card_uri_parse(uri, &parsed), 0);
    assert_int_equal(card_search_new(p11.ctx, &parsed, which_kinds, &search),
                     0);
    while ((*rc = card_search_next(search, &found)) == 0) {
        card_key_free(found.key);
        n++;
    }
    card_search_free(search);
    return n;
}

static unsigned asked(void)
{
    return p11.person.asked;
}

/* Somebody types this, when asked; NULL: nobody is there. */
static void start_with_person(const char *types)
{
    p11_start();
    world_person(&p11, types, types);
    for (size_t i = 0; i < nitems(p11.person.answers); i++)
        p11.person.answers[i] = types;
}

/* ---- tokens that come and go --------------------------------------------- */

static void test_slow_token_is_waited_for(void **state)
{
    struct card_key *k;
    time_t start_time;

    (void)state;
    set("FAULT", "C_Sign#1:hang:2");
    p11_start();
    k = p11_key(P11_EC, P11_PIN);
    start_time = time(NULL);
    assert_int_equal(sign_ec(k), 0);
    assert_true(time(NULL) - start_time >= 1);
    card_key_free(k);
}

static void test_token_is_back_without_a_restart(void **state)
{
    struct card_key *k;

    (void)state;
    set("FAULT", "C_Sign#2:gone");
    set_file("BACK", "file");
    p11_start();
    k = p11_key(P11_EC, P11_PIN);
    assert_int_equal(sign_ec(k), 0);
    assert_int_equal(sign_ec(k), CARD_E_REMOVED);
    assert_int_equal(sign_ec(k), CARD_E_REMOVED);
    write_file("file", "");
    assert_int_equal(sign_ec(k), 0);
    assert_int_equal(sign_ec(k), 0);
    card_key_free(k);
}

static void test_token_that_went_between_uses_is_found_again(void **state)
{
    const struct timespec rest = {0, 600000000};
    struct card_key *k;

    (void)state;
    set_file("LATE", "file");
    write_file("file", "");
    p11_start();
    k = p11_key(P11_EC, P11_PIN);
    assert_int_equal(sign_ec(k), 0);
    for (int i = 0; i < 3; i++) {
        unlink(path("file"));
        if (i == 1)
            nanosleep(&rest, NULL);
        if (i < 2)
            assert_int_equal(sign_ec(k), CARD_E_REMOVED);
        write_file("file", "");
        assert_int_equal(sign_ec(k), 0);
    }
    card_key_free(k);
}

static void test_slot_number_may_change(void **state)
{
    CK_SLOT_ID ids[8];
    CK_ULONG count = 8;
    struct card_key *k;

    (void)state;
    set_file("SLOT_SHIFT", "file");
    set_file("LATE", "late");
    write_file("late", "");
    p11_start();
    k = p11_key(P11_EC, P11_PIN);
    assert_int_equal(sign_ec(k), 0);
    unlink(path("late"));
    assert_int_equal(sign_ec(k), CARD_E_REMOVED);
    write_file("file", "5");
    write_file("late", "");
    assert_int_equal(f->C_GetSlotList(CK_TRUE, ids, &count), CKR_OK);
    assert_int_equal(sign_ec(k), 0);
    assert_int_equal(find_and_sign(P11_PIN), 0);
    card_key_free(k);
    unlink(path("late"));
}

static void test_token_may_come_later(void **state)
{
    (void)state;
    set_file("LATE", "file");
    p11_start();
    assert_int_equal(find_and_sign(P11_PIN), CARD_E_NOT_FOUND);
    write_file("file", "");
    assert_int_equal(find_and_sign(P11_PIN), 0);
}

/* ---- PINs ---------------------------------------------------------------- */

static void test_each_use_gets_the_stored_pin(void **state)
{
    struct card_key *k;

    (void)state;
    set("ALWAYS_AUTH", "1");
    set("PIN", PIN);
    p11_start();
    k = p11_key(P11_EC, P11_PIN);
    assert_int_equal(sign_ec(k), 0);
    assert_int_equal(sign_ec(k), 0);
    assert_int_equal(p11_calls("C_Login"), 3);
    card_key_free(k);
}

static void test_each_use_asks_for_the_pin(void **state)
{
    struct card_key *k = NULL;
    unsigned before;

    (void)state;
    set("ALWAYS_AUTH", "1");
    set("PIN", PIN);
    start_with_person(PIN);
    assert_int_equal(p11_find_key(p11_uri(P11_EC, ""), &k), 0);
    assert_int_equal(sign_ec(k), 0);
    before = asked();
    assert_int_equal(sign_ec(k), 0);
    assert_int_equal(sign_ec(k), 0);
    assert_int_equal(asked(), before + 2);
    card_key_free(k);
}

static void test_wrong_pin_for_one_use_is_not_repeated(void **state)
{
    struct card_key *k;

    (void)state;
    set("ALWAYS_AUTH", "1");
    set("PIN", "999999"); /* for a use; the login takes the real one */
    set("NO_COUNT_LOW", "1");
    for (int i = 0; i < 3; i++) {
        p11_start();
        if (p11_find_key(p11_uri(P11_EC, P11_PIN), &k) < 0)
            continue;
        assert_true(sign_ec(k) < 0);
        assert_true(sign_ec(k) < 0);
        card_key_free(k);
    }
    assert_int_equal(p11_wrong_pins(), 1);
}

static void test_keypad_is_told_and_given_nothing(void **state)
{
    struct card_key *k = NULL;

    (void)state;
    set("KEYPAD", "1");
    set("PIN", PIN);
    start_with_person("");
    assert_int_equal(p11_find_key(p11_uri(P11_EC, ""), &k), 0);
    assert_int_equal(sign_ec(k), 0);
    assert_int_equal(asked(), 1);
    assert_true(p11.person.last.keypad);
    assert_int_equal(p11_calls("C_Login"), 1);
    assert_int_equal(
        p11_calls("!C_Login: a PIN for a token that has a keypad"), 0);
    card_key_free(k);
}

static void test_token_without_login_asks_for_nothing(void **state)
{
    (void)state;
    set("NO_LOGIN", "1");
    set("PIN", PIN);
    start_with_person("1");
    assert_int_equal(find_and_sign(""), 0);
    assert_int_equal(asked(), 0);
    assert_int_equal(p11_calls("C_Login"), 0);
}

static void wrong_pin_over_restarts(void)
{
    for (int i = 0; i < 20; i++) {
        p11_start();
        assert_true(find_and_sign(P11_WRONG_PIN) < 0);
        assert_true(find_and_sign(P11_WRONG_PIN) < 0);
    }
    assert_int_equal(p11_wrong_pins(), 1);
}

static void test_wrong_pin_costs_one_try_where_the_token_tells(void **state)
{
    (void)state;
    wrong_pin_over_restarts();
    start_with_person(NULL);
    assert_int_equal(find_and_sign(P11_PIN), CARD_E_PIN_REFUSED);
}

static void test_wrong_pin_costs_one_try_where_it_does_not(void **state)
{
    (void)state;
    set("NO_COUNT_LOW", "1");
    wrong_pin_over_restarts();
    start_with_person(PIN); /* a right one ends it */
    assert_int_equal(find_and_sign(""), 0);
    assert_int_equal(asked(), 1);
    p11.settings.ask_pin = NULL;
    p11_start();
    assert_int_equal(find_and_sign(P11_PIN), 0);
}

/* Whether the token has looked at the PIN is not known. */
static void test_failed_login_is_not_repeated(void **state)
{
    static const char *const failures[] = {
        "C_Login#1:CKR_GENERAL_ERROR", "C_Login#1:CKR_FUNCTION_FAILED",
        "C_Login#1:CKR_DEVICE_ERROR", "C_Login#1:0x80000001"};

    (void)state;
    for (size_t i = 0; i < nitems(failures); i++) {
        set("FAULT", failures[i]);
        p11_start();
        assert_true(find_and_sign(P11_PIN) < 0);
        assert_int_equal(p11_calls("C_Login"), 1);
        assert_int_equal(find_and_sign(P11_PIN), 0);
    }
}

static void test_locked_pin_is_named(void **state)
{
    (void)state;
    set("LIMIT", "1");
    start_with_person(NULL);
    write_file("tries", "1");
    assert_int_equal(find_and_sign(P11_PIN), CARD_E_PIN_LOCKED);
    assert_non_null(strstr(card_error_sentence(), "locked"));
    assert_int_equal(p11_calls("C_Login"), 0);
}

/* The other token is that of make_token, without a name. */
static void test_pin_goes_to_the_token_that_shows_the_key(void **state)
{
    struct card_key *k = NULL;

    (void)state;
    p11_start();
    assert_int_equal(p11_find_key("pkcs11:object=ec" P11_PIN, &k), 0);
    assert_int_equal(p11_calls("C_Login"), 1);
    card_key_free(k);
}

static void test_pin_goes_to_neither_of_two_tokens(void **state)
{
    struct card_key *k = NULL;

    (void)state;
    start_with_person(PIN);
    assert_int_equal(p11_find_key("pkcs11:object=hidden" P11_PIN, &k),
                     CARD_E_AMBIGUOUS);
    assert_int_equal(p11_calls("C_Login"), 0);
    assert_int_equal(asked(), 0);
}

static void test_certificates_need_no_login(void **state)
{
    int rc;

    (void)state;
    start_with_person(PIN);
    count_objects(P11_TOKEN ";type=cert" P11_PIN, ~0U, &rc);
    count_objects(P11_TOKEN P11_PIN, CARD_KIND_CERT, &rc);
    assert_int_equal(count_objects(P11_TOKEN P11_PIN, CARD_KIND_PUBLIC, &rc),
                     P11_KEYS);
    assert_int_equal(p11_calls("C_Login"), 0);
    assert_int_equal(asked(), 0);
}

static void refused_source(const char *name)
{
    char rest[160];

    start_with_person(PIN);
    snprintf(rest, sizeof(rest), "?pin-source=%s", path(name));
    assert_int_equal(find_and_sign(rest), CARD_E_CONFIG);
    assert_non_null(strstr(card_error_sentence(), name));
    assert_int_equal(p11_calls("C_Login"), 0);
    assert_int_equal(asked(), 0);
}

static void test_pin_source_must_be_a_private_file(void **state)
{
    char rest[160];

    (void)state;
    refused_source("absent");
    refused_source("tokens"); /* a folder */
    write_file("source", PIN "\n");
    chmod(path("source"), 0644);
    refused_source("source");
    chmod(path("source"), 0600);
    assert_int_equal(symlink(path("source"), path("link")), 0);
    refused_source("link");
    snprintf(rest, sizeof(rest), "?pin-source=%s", path("source"));
    assert_int_equal(find_and_sign(rest), 0);
}

/* ---- modules ------------------------------------------------------------- */

static void refused_module(const char *file, const char *words)
{
    const struct card_module one = {file, NULL};
    struct card_key *k;

    p11_start();
    p11.settings.modules = &one;
    world_restart(&p11);
    assert_int_equal(p11_find_key("pkcs11:object=ec" P11_PIN, &k),
                     CARD_E_CONFIG);
    if (strstr(card_error_sentence(), words) == NULL)
        fail_msg("%s: %s", file, card_error_sentence());
}

static void test_what_is_no_module_is_named(void **state)
{
    Dl_info library;
    void *symbol = dlsym(RTLD_DEFAULT, "_cmocka_run_group_tests");

    (void)state;
    assert_true(symbol != NULL && dladdr(symbol, &library) != 0);
    refused_module(path("absent.so"), "absent.so");
    write_file("text.so", "no library\n");
    refused_module(path("text.so"), "text.so");
    refused_module(library.dli_fname, "no PKCS#11 module");
    refused_module("libcmocka.so.0", "absolute");
}

static void test_module_in_a_uri_is_refused(void **state)
{
    struct card_uri uri;

    (void)state;
    assert_int_equal(card_uri_parse("pkcs11:object=ec?module-path=/tmp/x.so",
                                    &uri), CARD_E_URI);
    assert_int_equal(card_uri_parse("pkcs11:object=ec?module-name=x", &uri),
                     CARD_E_URI);
}

/* ---- mechanisms ---------------------------------------------------------- */

static const struct card_unpad unpad_pkcs1 = {.padding = CARD_UNPAD_PKCS1};
static const struct card_unpad unpad_oaep = {
    .padding = CARD_UNPAD_OAEP,
    .hash = CARD_HASH_SHA1,
    .mgf_hash = CARD_HASH_SHA1};

static void test_token_that_only_exponentiates_does_all(void **state)
{
    struct card_key *k;

    (void)state;
    set("HIDE", "CKM_RSA_PKCS,CKM_RSA_PKCS_PSS,CKM_RSA_PKCS_OAEP");
    p11_start();
    k = p11_key(P11_RSA, P11_PIN);
    assert_int_equal(p11_sign_and_check(k, P11_RSA, CARD_PAD_PKCS1), 0);
    assert_int_equal(p11_sign_and_check(k, P11_RSA, CARD_PAD_PSS), 0);
    assert_int_equal(p11_decrypt_and_check(k, &unpad_pkcs1), 0);
    assert_int_equal(p11_decrypt_and_check(k, &unpad_oaep), 0);
    card_key_free(k);
}

static void test_token_of_pkcs1_alone_refuses_pss(void **state)
{
    struct card_key *k;

    (void)state;
    set("HIDE", "CKM_RSA_X_509,CKM_RSA_PKCS_PSS,CKM_RSA_PKCS_OAEP");
    p11_start();
    k = p11_key(P11_RSA, P11_PIN);
    assert_int_equal(card_key_can(k) & CARD_CAN_PSS, 0);
    assert_int_equal(p11_sign_and_check(k, P11_RSA, CARD_PAD_PSS),
                     CARD_E_UNSUPPORTED);
    assert_string_not_equal(card_error_sentence(), "");
    assert_int_equal(p11_sign_and_check(k, P11_RSA, CARD_PAD_PKCS1), 0);
    assert_int_equal(p11_decrypt_and_check(k, &unpad_pkcs1), 0);
    assert_int_equal(p11_decrypt_and_check(k, &unpad_oaep),
                     CARD_E_UNSUPPORTED);
    card_key_free(k);
}

/* ---- objects ------------------------------------------------------------- */

static struct card_key *generate(const char *uri)
{
    const struct card_key_request request = {.type = CARD_KEY_EC, .bits = 256};
    struct card_key *made;
    struct card_uri parsed;

    assert_int_equal(card_uri_parse(uri, &parsed), 0);
    assert_int_equal(card_generate(p11.ctx, &parsed, &request, &made), 0);
    return made;
}

/*
 * Of the same label and id: each signs as itself while it is known which is
 * which, and not at all afterwards.
 */
static void test_keys_with_one_name_stay_apart(void **state)
{
    static const char uri[] = P11_TOKEN ";object=twin;id=%0A" P11_PIN;
    uint8_t space[CARD_MAX_SIGNATURE];
    struct card_tbs tbs = {.hash = CARD_HASH_NONE, .value = {1}, .len = 32};
    struct buf sig = BUF_ON(space);
    struct card_key *twins[2];
    int rc;

    (void)state;
    set_file("LATE", "file");
    write_file("file", "");
    p11.settings.check_tokens = true;
    p11_start();
    for (size_t i = 0; i < 2; i++)
        twins[i] = generate(uri);
    assert_int_equal(count_objects(uri, CARD_KIND_PUBLIC, &rc), 2);
    assert_int_equal(count_objects(uri, CARD_KIND_PRIVATE, &rc), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(card_sign(twins[i], &tbs, &sig), 0);
    unlink(path("file"));
    assert_int_equal(card_sign(twins[0], &tbs, &sig), CARD_E_REMOVED);
    write_file("file", "");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(card_sign(twins[i], &tbs, &sig), CARD_E_AMBIGUOUS);
        card_key_free(twins[i]);
    }
    p11_delete("twin");
}

/* A certificate for a key, signed by whoever. */
static int make_cert(struct bytes spki, unsigned char **der)
{
    const unsigned char *p = spki.data;
    EVP_PKEY *subject = d2i_PUBKEY(NULL, &p, (long)spki.len);
    EVP_PKEY *issuer = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *x = X509_new();
    int len;

    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    assert_int_equal(X509_set_pubkey(x, subject), 1);
    assert_true(X509_sign(x, issuer, EVP_sha256()) > 0);
    len = i2d_X509(x, der);
    X509_free(x);
    EVP_PKEY_free(issuer);
    EVP_PKEY_free(subject);
    return len;
}

static void put_cert_for_public_key(CK_BYTE *der, CK_ULONG len)
{
    CK_OBJECT_CLASS cert_class = CKO_CERTIFICATE, public = CKO_PUBLIC_KEY;
    CK_CERTIFICATE_TYPE x509 = CKC_X_509;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_BYTE id[] = {0x0B}, subject[] = {0x30, 0x00}, name[] = "certified";
    CK_ATTRIBUTE public_template[] = {{CKA_CLASS, &public, sizeof(public)},
                                      {CKA_ID, id, sizeof(id)}};
    CK_ATTRIBUTE cert[] = {
        {CKA_CLASS, &cert_class, sizeof(cert_class)},
        {CKA_CERTIFICATE_TYPE, &x509, sizeof(x509)},
        {CKA_TOKEN, &yes, sizeof(yes)},
        {CKA_PRIVATE, &no, sizeof(no)},
        {CKA_ID, id, sizeof(id)},
        {CKA_LABEL, name, sizeof(name) - 1},
        {CKA_SUBJECT, subject, sizeof(subject)},
        {CKA_VALUE, der, len},
    };
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;

    p11_at_token();
    assert_int_equal(f->C_FindObjectsInit(session, public_template, 2),
                     CKR_OK);
    assert_int_equal(f->C_FindObjects(session, &object, 1, &count), CKR_OK);
    assert_int_equal(f->C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(f->C_DestroyObject(session, object), CKR_OK);
    assert_int_equal(f->C_CreateObject(session, cert, 8, &object), CKR_OK);
    finish(NULL);
}

static void test_public_half_may_be_in_the_certificate(void **state)
{
    static const char uri[] = P11_TOKEN ";object=certified;id=%0B" P11_PIN;
    uint8_t space[CARD_MAX_SIGNATURE], public_space[200];
    struct card_tbs tbs = {.hash = CARD_HASH_NONE, .value = {1}, .len = 32};
    struct buf sig = BUF_ON(space), public = BUF_ON(public_space);
    struct card_key *k = NULL;
    unsigned char *der = NULL;
    int len, rc;

    (void)state;
    p11.settings.check_tokens = true;
    p11_start();
    k = generate(uri);
    assert_int_equal(buf_put(&public, card_key_public(k)), 0);
    len = make_cert(card_key_public(k), &der);
    card_key_free(k);
    p11_stop();
    put_cert_for_public_key(der, (CK_ULONG)len);
    OPENSSL_free(der);
    p11_start();
    assert_int_equal(p11_find_key(uri, &k), 0);
    assert_true(bytes_equal(card_key_public(k), buf_view(&public)));
    assert_int_equal(card_sign(k, &tbs, &sig), 0);
    card_key_free(k);
    assert_int_equal(count_objects(uri, CARD_KIND_CERT, &rc), 1);
    p11_delete("certified");
}

enum { MANY = 1000 };

static void import_many(void)
{
    static CK_BYTE p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48,
                             0xCE, 0x3D, 0x03, 0x01, 0x07};
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = CKK_EC;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_BYTE id[2], point[67] = {0x04, 65}, name[] = "many";
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_KEY_TYPE, &type, sizeof(type)},
        {CKA_TOKEN, &yes, sizeof(yes)},
        {CKA_PRIVATE, &no, sizeof(no)},
        {CKA_EC_PARAMS, p256, sizeof(p256)},
        {CKA_EC_POINT, point, sizeof(point)},
        {CKA_LABEL, name, sizeof(name) - 1},
        {CKA_ID, id, sizeof(id)},
    };
    CK_OBJECT_HANDLE object;
    EVP_PKEY *any = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    size_t len;

    assert_int_equal(EVP_PKEY_get_octet_string_param(any, "pub", point + 2, 65,
                                                     &len), 1);
    EVP_PKEY_free(any);
    p11_at_token();
    for (unsigned i = 0; i < MANY; i++) {
        id[0] = (CK_BYTE)(i >> 8);
        id[1] = (CK_BYTE)i;
        assert_int_equal(f->C_CreateObject(session, template, 8, &object),
                         CKR_OK);
    }
    finish(NULL);
}

static void test_list_of_a_thousand_keys_is_complete(void **state)
{
    int rc;

    (void)state;
    p11_stop();
    import_many();
    p11_start();
    assert_int_equal(count_objects(P11_TOKEN ";object=many", CARD_KIND_PUBLIC,
                                   &rc), MANY);
    assert_int_equal(rc, CARD_E_NOT_FOUND);
    p11_delete("many");
}

#define TEST(name) cmocka_unit_test_teardown(name, p11_tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_slow_token_is_waited_for),
        TEST(test_token_is_back_without_a_restart),
        TEST(test_token_that_went_between_uses_is_found_again),
        TEST(test_slot_number_may_change),
        TEST(test_token_may_come_later),
        TEST(test_each_use_gets_the_stored_pin),
        TEST(test_each_use_asks_for_the_pin),
        TEST(test_wrong_pin_for_one_use_is_not_repeated),
        TEST(test_keypad_is_told_and_given_nothing),
        TEST(test_token_without_login_asks_for_nothing),
        TEST(test_wrong_pin_costs_one_try_where_the_token_tells),
        TEST(test_wrong_pin_costs_one_try_where_it_does_not),
        TEST(test_failed_login_is_not_repeated),
        TEST(test_locked_pin_is_named),
        TEST(test_pin_goes_to_the_token_that_shows_the_key),
        TEST(test_pin_goes_to_neither_of_two_tokens),
        TEST(test_certificates_need_no_login),
        TEST(test_pin_source_must_be_a_private_file),
        TEST(test_what_is_no_module_is_named),
        TEST(test_module_in_a_uri_is_refused),
        TEST(test_token_that_only_exponentiates_does_all),
        TEST(test_token_of_pkcs1_alone_refuses_pss),
        TEST(test_keys_with_one_name_stay_apart),
        TEST(test_public_half_may_be_in_the_certificate),
        TEST(test_list_of_a_thousand_keys_is_complete),
    };

    return cmocka_run_group_tests(tests, p11_make, p11_remove);
}
