/*
 * p11-wrap.so before a SoftHSM with a store made for the run: each fault does
 * what wrap.h says, and nothing else.
 */
#include "tests/unit/test.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/p11/test_token.h"

/* ---- Counting and faults ------------------------------------------------- */

static void test_log_names_each_call_and_no_pin(void **state)
{
    (void)state;
    set_file("LOG", "log");
    start_key();
    assert_int_equal(sign(), CKR_OK);
    assert_int_equal(lines("log", "C_GetFunctionList"), 1);
    assert_int_equal(lines("log", "C_Login"), 1);
    assert_int_equal(lines("log", "C_Sign"), 1);
    assert_int_equal(lines("log", NULL), 11);
}

static void test_code_at_call_once(void **state)
{
    CK_INFO info;

    (void)state;
    set("FAULT", "3:CKR_DEVICE_ERROR");
    start();
    assert_int_equal(f->C_GetInfo(&info), CKR_OK);
    assert_int_equal(f->C_GetInfo(&info), CKR_DEVICE_ERROR);
    assert_int_equal(f->C_GetInfo(&info), CKR_OK);
}

static void test_code_from_call_on_counts_anew_after_finalize(void **state)
{
    CK_INFO info;

    (void)state;
    set("FAULT", "C_GetInfo#2+:0x30");
    for (int i = 0; i < 2; i++) {
        start();
        assert_int_equal(f->C_GetInfo(&info), CKR_OK);
        assert_int_equal(f->C_GetInfo(&info), CKR_DEVICE_ERROR);
        assert_int_equal(f->C_GetInfo(&info), CKR_DEVICE_ERROR);
        assert_int_equal(f->C_Finalize(NULL), CKR_OK);
    }
}

static void test_code_at_sign_ends_the_operation(void **state)
{
    (void)state;
    set("FAULT", "C_Sign#1:CKR_DEVICE_ERROR");
    start_key();
    assert_int_equal(sign(), CKR_DEVICE_ERROR);
    assert_int_equal(sign(), CKR_OK);
}

static void test_misspelt_fault_is_refused(void **state)
{
    static const char *const wrong[] = {
        "x",        "1",           "0:garbage",    "1:CKR_",
        "1:hm",     "1:CKM_ECDSA", "C_Sign#:zero", "1:hang:",
        "1:hang:x", "1+zero"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set("FAULT", wrong[i]);
        assert_int_equal(get_list(&f), CKR_GENERAL_ERROR);
    }
}

static void test_lengths_lie(void **state)
{
    static const struct {
        const char *fault;
        CK_ULONG len;
    } lies[] = {
        {"C_Sign#1:huge", 0x7fffffff  },
        {"C_Sign#1:max",  (CK_ULONG)-1},
        {"C_Sign#1:zero", 0           },
        {"C_Sign#1:long", 65          }
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        CK_BYTE sig[65] = {0};
        CK_ULONG len = 64;

        set("FAULT", lies[i].fault);
        start_key();
        assert_int_equal(sign_with(sig, &len), CKR_OK);
        assert_int_equal(len, lies[i].len);
        assert_int_equal(sig[64], 0);
        assert_int_equal(f->C_Finalize(NULL), CKR_OK);
    }
}

static void test_garbage_stays_in_the_buffer(void **state)
{
    CK_BYTE sig[65] = {0};
    CK_ULONG len = 64;

    (void)state;
    set("FAULT", "C_Sign#1:garbage");
    start_key();
    assert_int_equal(sign_with(sig, &len), CKR_OK);
    assert_int_equal(len, 64);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(sig[i], 0xA5);
    assert_int_equal(sig[64], 0);
}

static void test_garbage_attributes(void **state)
{
    CK_BYTE point[80] = {0};
    CK_KEY_TYPE type = 0;
    CK_ATTRIBUTE template[] = {
        {CKA_KEY_TYPE, &type, sizeof(type) },
        {CKA_LABEL,    NULL,  0            },
        {CKA_MODULUS,  point, sizeof(point)}
    };

    (void)state;
    set("FAULT", "C_GetAttributeValue#1:garbage");
    start_key();
    assert_int_equal(f->C_GetAttributeValue(session, key, template, 3),
                     CKR_ATTRIBUTE_TYPE_INVALID);
    assert_true(type == (CK_KEY_TYPE)0xA5A5A5A5A5A5A5A5);
    assert_true(template[1].ulValueLen == (CK_ULONG)0xA5A5A5A5A5A5A5A5);
    assert_true(template[2].ulValueLen == CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(point[0], 0);
}

/* ---- The token comes and goes -------------------------------------------- */

static void test_gone_token_is_back_logged_out(void **state)
{
    CK_ULONG count = 0;
    CK_SLOT_INFO info;
    CK_SESSION_HANDLE lost;

    (void)state;
    set("FAULT", "C_Sign#1:gone");
    set_file("BACK", "file");
    start_key();
    lost = session;
    assert_int_equal(sign(), CKR_DEVICE_REMOVED);
    assert_int_equal(f->C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(f->C_GetSlotInfo(slot, &info), CKR_OK);
    assert_int_equal(info.flags & CKF_TOKEN_PRESENT, 0);
    assert_int_equal(open_session(), CKR_TOKEN_NOT_PRESENT);

    write_file("file", "");
    session = lost;
    assert_int_equal(sign_init(), CKR_SESSION_HANDLE_INVALID);
    assert_int_equal(open_session(), CKR_OK);
    assert_false(find_key());
    assert_int_equal(login(CKU_USER, PIN), CKR_OK);
    assert_true(find_key());
    assert_int_equal(sign(), CKR_OK);
}

static void test_late_token(void **state)
{
    (void)state;
    set_file("LATE", "file");
    start();
    assert_false(find_slot());
    write_file("file", "");
    assert_true(find_slot());
    assert_int_equal(open_session(), CKR_OK);
    unlink(path("file"));
    assert_int_equal(login(CKU_USER, PIN), CKR_DEVICE_REMOVED);
}

static void test_slot_number_changes(void **state)
{
    CK_SLOT_ID before;
    CK_SESSION_INFO info;

    (void)state;
    set_file("SLOT_SHIFT", "file");
    start_session();
    before = slot;
    write_file("file", "5");
    assert_true(find_slot());
    assert_int_equal(slot, before + 5);
    assert_int_equal(f->C_GetSessionInfo(session, &info), CKR_OK);
    assert_int_equal(info.slotID, before + 5);
    slot = before;
    assert_int_equal(open_session(), CKR_SLOT_ID_INVALID);
}

static void test_hidden_mechanism(void **state)
{
    CK_MECHANISM_TYPE list[256];
    CK_MECHANISM_INFO info;
    CK_ULONG count = 256;

    (void)state;
    set("HIDE", "CKM_ECDSA,CKM_*_PSS");
    start_key();
    assert_int_equal(sign(), CKR_MECHANISM_INVALID);
    assert_int_equal(f->C_GetMechanismInfo(slot, CKM_RSA_PKCS_PSS, &info),
                     CKR_MECHANISM_INVALID);
    assert_int_equal(f->C_GetMechanismList(slot, list, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        assert_int_not_equal(list[i], CKM_ECDSA);
        assert_int_not_equal(list[i], CKM_SHA256_RSA_PKCS_PSS);
    }
}

/* ---- PINs ---------------------------------------------------------------- */

static void test_always_authenticate(void **state)
{
    CK_BBOOL always = CK_FALSE;
    CK_ATTRIBUTE template = {CKA_ALWAYS_AUTHENTICATE, &always, sizeof(always)};
    CK_BYTE hash[32] = {1}, sig[64];
    CK_ULONG len = sizeof(sig);

    (void)state;
    set("ALWAYS_AUTH", "1");
    set("PIN", PIN);
    start_key();
    assert_int_equal(f->C_GetAttributeValue(session, key, &template, 1),
                     CKR_OK);
    assert_int_equal(always, CK_TRUE);
    assert_int_equal(sign(), CKR_USER_NOT_LOGGED_IN);
    assert_int_equal(login(CKU_CONTEXT_SPECIFIC, PIN),
                     CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(sign_init(), CKR_OK);
    assert_int_equal(login(CKU_CONTEXT_SPECIFIC, "3141"), CKR_PIN_INCORRECT);
    assert_int_equal(login(CKU_CONTEXT_SPECIFIC, PIN), CKR_OK);
    assert_int_equal(f->C_Sign(session, hash, 32, NULL, &len), CKR_OK);
    assert_int_equal(f->C_Sign(session, hash, 32, sig, &len), CKR_OK);
    assert_int_equal(sign(), CKR_USER_NOT_LOGGED_IN);
}

static void test_keypad(void **state)
{
    CK_TOKEN_INFO info;

    (void)state;
    set_file("LOG", "log");
    set("KEYPAD", "1");
    set("PIN", PIN);
    start_session();
    assert_int_equal(f->C_GetTokenInfo(slot, &info), CKR_OK);
    assert_true(info.flags & CKF_PROTECTED_AUTHENTICATION_PATH);
    assert_int_equal(login(CKU_USER, PIN), CKR_ARGUMENTS_BAD);
    assert_int_equal(
        lines("log", "!C_Login: a PIN for a token that has a keypad"), 1);
    assert_int_equal(login(CKU_USER, NULL), CKR_OK);
    assert_true(find_key());
}

static void test_token_without_login(void **state)
{
    CK_TOKEN_INFO info;

    (void)state;
    set("NO_LOGIN", "1");
    set("PIN", PIN);
    start_session();
    assert_int_equal(f->C_GetTokenInfo(slot, &info), CKR_OK);
    assert_false(info.flags & CKF_LOGIN_REQUIRED);
    assert_true(find_key());
    assert_int_equal(sign(), CKR_OK);
}

static void test_private_key_seen_before_login(void **state)
{
    (void)state;
    set("EARLY_PRIVATE", "1");
    set("PIN", PIN);
    start_session();
    assert_true(find_key());
    assert_int_equal(sign(), CKR_USER_NOT_LOGGED_IN);
    assert_int_equal(login(CKU_USER, "3141"), CKR_PIN_INCORRECT);
    assert_int_equal(login(CKU_USER, PIN), CKR_OK);
    assert_int_equal(sign(), CKR_OK);
}

static void test_tries_and_limit(void **state)
{
    CK_TOKEN_INFO info;

    (void)state;
    set_file("TRIES", "file");
    set("LIMIT", "2");
    start_session();
    assert_int_equal(login(CKU_USER, "3141"), CKR_PIN_INCORRECT);
    assert_int_equal(lines("file", "1"), 1);
    assert_int_equal(f->C_GetTokenInfo(slot, &info), CKR_OK);
    assert_true(info.flags & CKF_USER_PIN_COUNT_LOW);
    assert_true(info.flags & CKF_USER_PIN_FINAL_TRY);
    assert_int_equal(login(CKU_USER, PIN), CKR_OK);
    assert_int_equal(lines("file", "0"), 1);
    assert_int_equal(f->C_Logout(session), CKR_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(login(CKU_USER, "3141"), CKR_PIN_INCORRECT);
    assert_int_equal(login(CKU_USER, PIN), CKR_PIN_LOCKED);
}

static void test_count_low_is_not_shown(void **state)
{
    CK_TOKEN_INFO info;

    (void)state;
    set("NO_COUNT_LOW", "1");
    start_session();
    assert_int_equal(login(CKU_USER, "3141"), CKR_PIN_INCORRECT);
    assert_int_equal(f->C_GetTokenInfo(slot, &info), CKR_OK);
    assert_false(info.flags & CKF_USER_PIN_COUNT_LOW);
    assert_int_equal(login(CKU_USER, PIN), CKR_OK);
}

/* ---- Processes and threads ----------------------------------------------- */

static void test_forked_child_goes_on_counting(void **state)
{
    CK_INFO info;
    int status;
    pid_t pid;

    (void)state;
    set("FAULT", "C_GetInfo#2:CKR_DEVICE_ERROR");
    start();
    assert_int_equal(f->C_GetInfo(&info), CKR_OK);
    pid = fork();
    if (pid == 0) {
        f->C_Initialize(NULL);
        _exit(f->C_GetInfo(&info) == CKR_DEVICE_ERROR ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void *sign_often(void *arg)
{
    CK_SESSION_INFO info;

    for (int i = 0; i < 200; i++)
        f->C_GetSessionInfo(session, &info);
    return arg;
}

static void test_threads_are_all_counted(void **state)
{
    pthread_t threads[4];

    (void)state;
    set_file("LOG", "log");
    start_session();
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_often, NULL),
                         0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(lines("log", "C_GetSessionInfo"), 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_log_names_each_call_and_no_pin, finish),
        cmocka_unit_test_teardown(test_code_at_call_once, finish),
        cmocka_unit_test_teardown(
            test_code_from_call_on_counts_anew_after_finalize, finish),
        cmocka_unit_test_teardown(test_code_at_sign_ends_the_operation, finish),
        cmocka_unit_test_teardown(test_misspelt_fault_is_refused, finish),
        cmocka_unit_test_teardown(test_lengths_lie, finish),
        cmocka_unit_test_teardown(test_garbage_stays_in_the_buffer, finish),
        cmocka_unit_test_teardown(test_garbage_attributes, finish),
        cmocka_unit_test_teardown(test_gone_token_is_back_logged_out, finish),
        cmocka_unit_test_teardown(test_late_token, finish),
        cmocka_unit_test_teardown(test_slot_number_changes, finish),
        cmocka_unit_test_teardown(test_hidden_mechanism, finish),
        cmocka_unit_test_teardown(test_always_authenticate, finish),
        cmocka_unit_test_teardown(test_keypad, finish),
        cmocka_unit_test_teardown(test_token_without_login, finish),
        cmocka_unit_test_teardown(test_private_key_seen_before_login, finish),
        cmocka_unit_test_teardown(test_tries_and_limit, finish),
        cmocka_unit_test_teardown(test_count_low_is_not_shown, finish),
        cmocka_unit_test_teardown(test_forked_child_goes_on_counting, finish),
        cmocka_unit_test_teardown(test_threads_are_all_counted, finish),
    };

    return cmocka_run_group_tests(tests, make_token, remove_token);
}
