/*
 * Every-Nth-call sweep (reliability R3): each operation with a token, each call
 * to its module, each fault, once and from then on. Allowed: an error with a
 * sentence, or the right result. Never: a false one, a wrong PIN seen by the
 * token, or a driver that is of no use when the fault is over.
 */
#include "tests/unit/test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/p11/test_token.h"
#include "tests/unit/p11_world.h"

/* ---- operations ---------------------------------------------------------- */

static const struct card_unpad unpad_pkcs1 = {.padding = CARD_UNPAD_PKCS1};
static const struct card_unpad unpad_oaep = {
    .padding = CARD_UNPAD_OAEP,
    .hash = CARD_HASH_SHA1,
    .mgf_hash = CARD_HASH_SHA1};

static int list_everything(struct card_key *unused)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri uri;
    unsigned seen = 0;
    int rc;

    (void)unused;
    assert_int_equal(card_uri_parse(P11_TOKEN P11_PIN, &uri), 0);
    assert_int_equal(card_search_new(p11.ctx, &uri,
                                     CARD_KIND_CERT | CARD_KIND_PUBLIC |
                                         CARD_KIND_PRIVATE, &search), 0);
    while ((rc = card_search_next(search, &found)) == 0) {
        card_key_free(found.key);
        seen++;
    }
    card_search_free(search);
    assert_true(seen <= 6);
    return rc == CARD_E_NOT_FOUND && seen == 6 ? 0 : rc;
}

static int find_and_log_in(struct card_key *unused)
{
    struct card_key *found;
    int rc = p11_find_key(p11_uri(P11_EC, P11_PIN), &found);

    (void)unused;
    if (rc == 0)
        card_key_free(found);
    return rc;
}

static int sign_pkcs1(struct card_key *k)
{
    return p11_sign_and_check(k, P11_RSA, CARD_PAD_PKCS1);
}

static int sign_pss(struct card_key *k)
{
    return p11_sign_and_check(k, P11_RSA, CARD_PAD_PSS);
}

static int sign_ec(struct card_key *k)
{
    return p11_sign_and_check(k, P11_EC, CARD_PAD_PKCS1);
}

#ifndef __SANITIZE_ADDRESS__
static int sign_eddsa(struct card_key *k)
{
    return p11_sign_and_check(k, P11_ED25519, CARD_PAD_PKCS1);
}
#endif

static int decrypt_pkcs1(struct card_key *k)
{
    return p11_decrypt_and_check(k, &unpad_pkcs1);
}

static int decrypt_oaep(struct card_key *k)
{
    return p11_decrypt_and_check(k, &unpad_oaep);
}

static int generate(struct card_key *unused)
{
    const struct card_key_request request = {.type = CARD_KEY_EC, .bits = 256};
    struct card_key *made;
    struct card_uri uri;
    int rc;

    (void)unused;
    assert_int_equal(card_uri_parse(P11_TOKEN ";object=new" P11_PIN, &uri), 0);
    if ((rc = card_generate(p11.ctx, &uri, &request, &made)) < 0)
        return rc;
    card_key_free(made);
    return 0;
}

/*
 *   run       with the key found and logged in to before, unless `finds`
 *   variable  of the wrapper, with its value
 */
static const struct operation {
    const char *name;
    int (*run)(struct card_key *k);
    enum p11_key key;
    bool finds;
    const char *variable, *value;
} operations[] = {
    {"list", list_everything, P11_EC, true, NULL, NULL},
    {"find", find_and_log_in, P11_EC, true, NULL, NULL},
    {"sign-pkcs1", sign_pkcs1, P11_RSA, false, NULL, NULL},
    {"sign-pkcs1-raw", sign_pkcs1, P11_RSA, false, "HIDE", "CKM_RSA_PKCS"},
    {"sign-pss", sign_pss, P11_RSA, false, NULL, NULL},
    {"sign-ec", sign_ec, P11_EC, false, NULL, NULL},
#ifndef __SANITIZE_ADDRESS__ /* SoftHSM leaks at each, and no stack says so */
    {"sign-eddsa", sign_eddsa, P11_ED25519, false, NULL, NULL},
#endif
    {"sign-and-log-in", sign_ec, P11_EC, false, "EARLY_PRIVATE", "1"},
    {"sign-with-consent", sign_ec, P11_EC, false, "ALWAYS_AUTH", "1"},
    {"decrypt-pkcs1-raw", decrypt_pkcs1, P11_RSA, false, NULL, NULL},
    {"decrypt-pkcs1", decrypt_pkcs1, P11_RSA, false, "HIDE", "CKM_RSA_X_509"},
    {"decrypt-oaep-raw", decrypt_oaep, P11_RSA, false, NULL, NULL},
    {"decrypt-oaep", decrypt_oaep, P11_RSA, false, "HIDE", "CKM_RSA_X_509"},
    {"derive", p11_derive_and_check, P11_EC, false, NULL, NULL},
    {"generate", generate, P11_EC, false, NULL, NULL},
};

/* ---- faults -------------------------------------------------------------- */

static const char *const faults[] = {
    "CKR_HOST_MEMORY",
    "CKR_SLOT_ID_INVALID",
    "CKR_GENERAL_ERROR",
    "CKR_FUNCTION_FAILED",
    "CKR_ARGUMENTS_BAD",
    "CKR_ATTRIBUTE_SENSITIVE",
    "CKR_ATTRIBUTE_TYPE_INVALID",
    "CKR_DATA_INVALID",
    "CKR_DATA_LEN_RANGE",
    "CKR_DEVICE_ERROR",
    "CKR_DEVICE_MEMORY",
    "CKR_DEVICE_REMOVED",
    "CKR_ENCRYPTED_DATA_INVALID",
    "CKR_ENCRYPTED_DATA_LEN_RANGE",
    "CKR_FUNCTION_CANCELED",
    "CKR_KEY_HANDLE_INVALID",
    "CKR_KEY_FUNCTION_NOT_PERMITTED",
    "CKR_MECHANISM_INVALID",
    "CKR_MECHANISM_PARAM_INVALID",
    "CKR_OBJECT_HANDLE_INVALID",
    "CKR_OPERATION_ACTIVE",
    "CKR_OPERATION_NOT_INITIALIZED",
    "CKR_PIN_INCORRECT",
    "CKR_PIN_INVALID",
    "CKR_PIN_LEN_RANGE",
    "CKR_PIN_EXPIRED",
    "CKR_PIN_LOCKED",
    "CKR_SESSION_CLOSED",
    "CKR_SESSION_COUNT",
    "CKR_SESSION_HANDLE_INVALID",
    "CKR_TOKEN_NOT_PRESENT",
    "CKR_TOKEN_NOT_RECOGNIZED",
    "CKR_USER_ALREADY_LOGGED_IN",
    "CKR_USER_NOT_LOGGED_IN",
    "CKR_BUFFER_TOO_SMALL",
    "CKR_CRYPTOKI_NOT_INITIALIZED",
    "0x80000001",
    "garbage",
    "huge",
    "max",
    "zero",
    "long",
    "gone",
};

/* A lasting fault ends after that many calls. */
enum { LASTING = 300 };

static bool is_lie(const char *fault)
{
    return islower((unsigned char)fault[0]) && strcmp(fault, "gone") != 0;
}

static bool is_one_of(const char *fault, const char *const list[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(fault, list[i]) == 0)
            return true;
    return false;
}

/* What a token may say of bad padding too. */
static bool is_like_padding(const char *fault)
{
    static const char *const list[] = {
        "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED", "CKR_DEVICE_ERROR",
        "CKR_DATA_INVALID", "CKR_DATA_LEN_RANGE", "CKR_ENCRYPTED_DATA_INVALID",
        "CKR_ENCRYPTED_DATA_LEN_RANGE", "0x80000001"};

    return is_one_of(fault, list, nitems(list));
}

static bool is_like_wrong_pin(const char *fault)
{
    static const char *const list[] = {
        "CKR_PIN_INCORRECT", "CKR_PIN_INVALID", "CKR_PIN_LEN_RANGE",
        "CKR_PIN_EXPIRED", "CKR_PIN_LOCKED"};

    return is_one_of(fault, list, nitems(list));
}

/*
 * No driver can tell a wrong plaintext or secret: it comes of a module that
 * lies, and of one whose refusal is taken for bad padding.
 */
static bool may_be_wrong(const struct operation *op, const char *fault)
{
    bool secret = op->run == decrypt_pkcs1 || op->run == decrypt_oaep ||
                  op->run == p11_derive_and_check;

    return (secret && is_lie(fault)) ||
           (op->run == decrypt_pkcs1 && is_like_padding(fault) &&
            p11_calls("C_Decrypt") > 0);
}

static void set_fault(unsigned nth, const char *fault, bool lasting)
{
    char text[120];

    if (lasting && strcmp(fault, "gone") != 0)
        snprintf(text, sizeof(text), "%u+:hang:0,%u+:%s", nth + LASTING, nth,
                 fault);
    else
        snprintf(text, sizeof(text), "%u:%s", nth, fault);
    set("FAULT", text);
}

/* The token is back, and whatever lasted is over. */
static void end_fault(void)
{
    CK_INFO info;

    set("FAULT", "");
    write_file("file", "");
    for (unsigned i = 0; i < LASTING; i++)
        f->C_GetInfo(&info);
}

/* ---- the sweep ----------------------------------------------------------- */

static struct card_key *prepare(const struct operation *op)
{
    set("PIN", PIN);
    if (op->variable != NULL)
        set(op->variable, op->value);
    p11_start();
    return op->finds ? NULL : p11_key(op->key, P11_PIN);
}

/* By the wrapper; what came before C_Initialize makes it a few too many. */
static unsigned numbered_calls(void)
{
    return p11_calls(NULL) - p11_calls("C_GetFunctionList");
}

/* Between these calls, counted from 1, is the operation. */
static void measure(const struct operation *op, unsigned *first,
                    unsigned *last)
{
    struct card_key *k = prepare(op);

    /* C_Initialize, and libp11's C_GetInfo, are tried several times a run. */
    *first = op->finds ? 3 : numbered_calls() + 1;
    if (op->run(k) != 0)
        fail_msg("%s without a fault: %s", op->name, card_error_sentence());
    *last = numbered_calls();
    card_key_free(k);
}

/*
 * A token is looked at every half second. One that was away for less has cost
 * the login, and a key that could not be made is not made again by itself.
 */
static bool is_unnoticed(const struct operation *op, const char *fault)
{
    return op->run == generate && strcmp(fault, "gone") == 0;
}

static void run_with_fault(const struct operation *op, unsigned nth,
                           const char *fault, bool lasting)
{
    struct card_key *k;
    char what[120];
    int rc;

    snprintf(what, sizeof(what), "%s, call %u, %s%s", op->name, nth, fault,
             lasting ? " from then on" : "");
    p11.settings.check_tokens = is_lie(fault);
    set_file("BACK", "file");
    unlink(path("file"));
    set_fault(nth, fault, lasting);
    k = prepare(op);
    rc = op->run(k);
    end_fault();
    if (rc < 0)
        assert_string_not_equal(card_error_sentence(), "");
    else if (rc > 0 && !may_be_wrong(op, fault))
        fail_msg("%s: a wrong result", what);
    if (p11_wrong_pins() != 0)
        fail_msg("%s: a PIN was wrong", what);
    if (is_like_wrong_pin(fault)) { /* a person is to mend it */
        card_key_free(k);
        p11_forgive();
        k = prepare(op);
    }
    if (op->run(k) != 0 && !(is_unnoticed(op, fault) && op->run(k) == 0))
        fail_msg("%s: of no use afterwards: %s", what, card_error_sentence());
    card_key_free(k);
}

static void sweep(const struct operation *op)
{
    int most = op->run != list_everything; /* "find" shows what lasts */
    unsigned first, last, runs = 0;

    measure(op, &first, &last);
    for (unsigned nth = first; nth <= last; nth++) {
        for (size_t i = 0; i < nitems(faults); i++)
            for (int lasting = 0; lasting <= most; lasting++, runs++)
                run_with_fault(op, nth, faults[i], lasting != 0);
        if (op->run == generate)
            p11_delete("new");
    }
    printf("sweep %s: calls %u to %u x %zu faults x once%s = %u runs\n",
           op->name, first, last, nitems(faults),
           most > 0 ? " and lasting" : "", runs);
    p11_tidy(NULL);
}

static void test_every_nth_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(operations); i++)
        sweep(&operations[i]);
}

/* One try, whatever goes wrong around it, and however often it is repeated. */
static void try_wrong_pin(unsigned nth, const char *fault, bool tells)
{
    struct card_key *k;

    set("NO_COUNT_LOW", tells ? "0" : "1");
    set_file("BACK", "file");
    write_file("file", "");
    set_fault(nth, fault, false);
    for (int restarts = 0; restarts < 2; restarts++) {
        p11_start();
        for (int i = 0; i < 2; i++)
            assert_true(p11_find_key(p11_uri(P11_EC, P11_WRONG_PIN), &k) < 0);
        set("FAULT", "");
    }
    if (p11_wrong_pins() > 1)
        fail_msg("%s at call %u: %u wrong PINs", fault, nth,
                 p11_wrong_pins());
    p11_tidy(NULL);
}

static void test_wrong_pin_costs_one_try(void **state)
{
    static const char *const some[] = {
        "CKR_GENERAL_ERROR", "CKR_SESSION_HANDLE_INVALID",
        "CKR_TOKEN_NOT_PRESENT", "CKR_USER_NOT_LOGGED_IN", "garbage", "zero"};
    unsigned last;

    (void)state;
    p11_start();
    assert_int_equal(find_and_log_in(NULL), 0);
    last = p11_calls(NULL);
    for (unsigned nth = 3; nth <= last; nth++)
        for (size_t i = 0; i < nitems(some); i++)
            for (int tells = 0; tells <= 1; tells++)
                try_wrong_pin(nth, some[i], tells != 0);
}

static void test_module_that_does_not_start_may_do_so_later(void **state)
{
    (void)state;
    set("FAULT", "C_Initialize#1:CKR_GENERAL_ERROR");
    p11_start();
    assert_int_equal(find_and_log_in(NULL), CARD_E_NO_SERVICE);
    assert_non_null(strstr(card_error_sentence(), "CKR_GENERAL_ERROR"));
    set("FAULT", "");
    assert_int_equal(find_and_log_in(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_nth_call, p11_tidy),
        cmocka_unit_test_teardown(test_wrong_pin_costs_one_try, p11_tidy),
        cmocka_unit_test_teardown(
            test_module_that_does_not_start_may_do_so_later, p11_tidy),
    };

    return cmocka_run_group_tests(tests, p11_make, p11_remove);
}
