/*
 * What is known of a token that changes under us: keys that are looked for
 * again, objects that are of no use, logins that others end, and PINs that are
 * better not sent.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "card/card_int.h"
#include "card/pkcs11/p11.h"
#include "tests/p11/test_token.h"
#include "tests/unit/p11_world.h"

#define ALL (CARD_KIND_PRIVATE | CARD_KIND_PUBLIC | CARD_KIND_CERT)

static int sign_ec(struct card_key *k)
{
    return p11_sign_and_check(k, P11_EC, CARD_PAD_PKCS1);
}

static int sign_with_new(struct card_key *k)
{
    struct card_tbs tbs = {.hash = CARD_HASH_NONE, .value = {1}, .len = 32};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);

    return card_sign(k, &tbs, &sig);
}

static struct card_key *generate(const char *uri)
{
    const struct card_key_request request = {.type = CARD_KEY_EC, .bits = 256};
    struct card_key *made;
    struct card_uri parsed;

    assert_int_equal(card_uri_parse(uri, &parsed), 0);
    assert_int_equal(card_generate(p11.ctx, &parsed, &request, &made), 0);
    return made;
}

static struct card_search *search(const char *uri, unsigned kinds)
{
    struct card_search *out;
    struct card_uri parsed;

    assert_int_equal(card_uri_parse(uri, &parsed), 0);
    assert_int_equal(card_search_new(p11.ctx, &parsed, kinds, &out), 0);
    return out;
}

/* The token is pulled, and put in again. */
static void pull(void)
{
    struct p11_slot_list *list = test_calloc(1, sizeof(*list));
    struct p11_module *module;

    unlink(path("file"));
    assert_int_equal(p11_module_get(p11.settings.modules->path, NULL, &module),
                     0);
    assert_int_equal(p11_module_slots(module, list), 0);
    p11_module_put(module);
    test_free(list);
    write_file("file", "");
}

static void start_with_file(void)
{
    set_file("LATE", "file");
    write_file("file", "");
    p11_start();
}

/* ---- keys that are looked for again -------------------------------------- */

static void test_label_with_a_blank_at_its_end_is_found_again(void **state)
{
    static const char uri[] = P11_TOKEN ";object=blank%20;id=%0C" P11_PIN;
    struct card_key *k;

    (void)state;
    start_with_file();
    k = generate(uri);
    assert_int_equal(sign_with_new(k), 0);
    pull();
    assert_int_equal(sign_with_new(k), 0);
    card_key_free(k);
    p11_delete("blank ");
}

static size_t known_objects(const struct card_key *k)
{
    const struct p11_token *priv = k->card->token.priv;
    size_t n = 0;

    for (const struct p11_object *o = priv->objects; o != NULL; o = o->next)
        n++;
    return n;
}

static void test_key_loaded_often_is_known_once(void **state)
{
    struct card_key *first, *k;

    (void)state;
    start_with_file();
    first = p11_key(P11_EC, P11_PIN);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(sign_ec(first), 0);
        pull();
        k = p11_key(P11_EC, P11_PIN);
        assert_int_equal(sign_ec(k), 0);
        card_key_free(k);
    }
    assert_int_equal(known_objects(first), 1);
    card_key_free(first);
}

/* ---- objects ------------------------------------------------------------- */

/* The public half of key 0C gets another id: the private one has none then. */
static void part_public_half(void)
{
    CK_OBJECT_CLASS public = CKO_PUBLIC_KEY;
    CK_BYTE id[] = {0x0C}, other[] = {0x0D};
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &public, sizeof(public)},
                             {CKA_ID, id, sizeof(id)}};
    CK_ATTRIBUTE changed = {CKA_ID, other, sizeof(other)};
    CK_SESSION_HANDLE writable;
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;

    p11_stop();
    p11_at_token();
    assert_int_equal(f->C_OpenSession(slot, CKF_SERIAL_SESSION |
                                                CKF_RW_SESSION,
                                      NULL, NULL, &writable), CKR_OK);
    assert_int_equal(f->C_FindObjectsInit(writable, wanted, 2), CKR_OK);
    assert_int_equal(f->C_FindObjects(writable, &object, 1, &count), CKR_OK);
    assert_int_equal(f->C_FindObjectsFinal(writable), CKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(f->C_SetAttributeValue(writable, object, &changed, 1),
                     CKR_OK);
    finish(NULL);
}

static void test_the_only_key_is_of_no_use_others_are_given(void **state)
{
    static const char uri[] = P11_TOKEN ";object=lone" P11_PIN;
    struct card_search *s;
    struct card_object found;

    (void)state;
    p11_start();
    card_key_free(generate(P11_TOKEN ";object=lone;id=%0C" P11_PIN));
    part_public_half();
    p11_start();
    s = search(uri, ALL);
    assert_int_equal(card_search_next(s, &found), 0);
    assert_int_equal(found.kind, CARD_KIND_PUBLIC);
    card_key_free(found.key);
    assert_int_equal(card_search_next(s, &found), CARD_E_NOT_FOUND);
    card_search_free(s);
    s = search(uri, CARD_KIND_PRIVATE);
    assert_int_equal(card_search_next(s, &found), CARD_E_NOT_FOUND);
    assert_non_null(strstr(card_error_sentence(), "neither a public half"));
    card_search_free(s);
    p11_delete("lone");
}

static void test_nobody_is_asked_after_a_search_failed(void **state)
{
    struct card_search *s;
    struct card_object found;

    (void)state;
    set("FAULT", "C_FindObjectsInit#1:CKR_DEVICE_ERROR");
    p11_start();
    world_person(&p11, PIN, PIN);
    s = search(p11_uri(P11_EC, ""), CARD_KIND_PRIVATE);
    card_search_set_ask(s, p11.settings.ask_pin, p11.settings.ask_arg);
    assert_int_equal(card_search_next(s, &found), CARD_E_TOKEN);
    assert_int_equal(card_search_next(s, &found), CARD_E_NOT_FOUND);
    assert_true(card_search_done(s));
    assert_int_equal(p11.person.asked, 0);
    card_search_free(s);
}

/* ---- logins -------------------------------------------------------------- */

static void test_login_ended_by_others_is_renewed(void **state)
{
    struct card_key *k;

    (void)state;
    p11_start();
    k = p11_key(P11_EC, P11_PIN);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sign_ec(k), 0);
        assert_int_equal(get_list(&f), CKR_OK);
        assert_int_equal(open_session(), CKR_OK);
        assert_int_equal(f->C_Logout(session), CKR_OK);
        assert_int_equal(f->C_CloseSession(session), CKR_OK);
    }
    assert_int_equal(sign_ec(k), 0);
    card_key_free(k);
}

static void test_token_pulled_in_the_login_gets_no_second_pin(void **state)
{
    struct card_key *k;

    (void)state;
    set("FAULT", "C_Login#1:CKR_DEVICE_REMOVED");
    p11_start();
    assert_int_equal(p11_find_key(p11_uri(P11_EC, P11_PIN), &k), CARD_E_TOKEN);
    assert_int_equal(p11_calls("C_Login"), 1);
}

static void test_pin_of_a_wrong_length_is_not_sent(void **state)
{
    struct card_key *k;

    (void)state;
    p11_start();
    assert_int_equal(p11_find_key(p11_uri(P11_EC, "?pin-value=123"), &k),
                     CARD_E_PIN_FORMAT);
    assert_int_equal(p11_calls("C_Login"), 0);
}

/* ---- padding ------------------------------------------------------------- */

/* Whatever the token calls it: success, and another message each time. */
static void test_refused_padding_has_no_name(void **state)
{
    static const struct card_unpad pkcs1 = {.padding = CARD_UNPAD_PKCS1};
    static const char *const faults[] = {"C_Decrypt#1+:CKR_DEVICE_ERROR",
                                         "C_Decrypt#1+:0x80001234"};

    (void)state;
    for (size_t i = 0; i < nitems(faults); i++) {
        struct card_key *k;

        set("FAULT", faults[i]);
        set("HIDE", "CKM_RSA_X_509");
        p11_start();
        k = p11_key(P11_RSA, P11_PIN);
        assert_int_equal(p11_decrypt_and_check(k, &pkcs1), P11_WRONG_RESULT);
        card_key_free(k);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, p11_tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_label_with_a_blank_at_its_end_is_found_again),
        TEST(test_key_loaded_often_is_known_once),
        TEST(test_the_only_key_is_of_no_use_others_are_given),
        TEST(test_nobody_is_asked_after_a_search_failed),
        TEST(test_login_ended_by_others_is_renewed),
        TEST(test_token_pulled_in_the_login_gets_no_second_pin),
        TEST(test_pin_of_a_wrong_length_is_not_sent),
        TEST(test_refused_padding_has_no_name),
    };

    return cmocka_run_group_tests(tests, p11_make, p11_remove);
}
