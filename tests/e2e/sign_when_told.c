/*
 * sign_when_told URI: a program that stays: it loads a private key once, signs
 * for each line of its standard input, and prints "signed" or why it could not.
 */
#include <stdio.h>

#include <openssl/err.h>

#include "tests/e2e/client.h"

static const char *why_not(void)
{
    const char *sentence = "";

    ERR_peek_error_data(&sentence, NULL);
    return sentence[0] != '\0' ? sentence : "failed";
}

int main(int argc, char **argv)
{
    EVP_PKEY *key = argc == 2 ? client_load_key(argv[1]) : NULL;
    char line[80];

    if (key == NULL) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        puts(client_sign(key, line) ? "signed" : why_not());
        fflush(stdout);
        ERR_clear_error();
    }
    EVP_PKEY_free(key);
    return 0;
}
