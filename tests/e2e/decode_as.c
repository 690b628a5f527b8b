/*
 * A program that reads a PEM file as a private key of one type only:
 * decode_as TYPE FILE prints the type it got.
 */
#include <stdio.h>

#include <openssl/bio.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>

int main(int argc, char **argv)
{
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *decoder;
    BIO *file;
    int ok;

    if (argc != 3)
        return 2;
    file = BIO_new_file(argv[2], "r");
    decoder = OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, argv[1],
                                            EVP_PKEY_KEYPAIR, NULL, NULL);
    ok = file != NULL && decoder != NULL
         && OSSL_DECODER_from_bio(decoder, file);
    if (ok)
        puts(EVP_PKEY_get0_type_name(key));
    else
        ERR_print_errors_fp(stderr);
    EVP_PKEY_free(key);
    OSSL_DECODER_CTX_free(decoder);
    BIO_free(file);
    return ok ? 0 : 1;
}
