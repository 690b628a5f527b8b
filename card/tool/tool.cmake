# The program, its catalogue, manual pages and completion. Everything is found
# from where the program is (../share), so a build tree works as an
# installation does.
add_executable(tool
    card/tool/cert_text.c
    card/tool/choose.c
    card/tool/config.c
    card/tool/doctor.c
    card/tool/doctor_cards.c
    card/tool/doctor_config.c
    card/tool/doctor_others.c
    card/tool/doctor_pins.c
    card/tool/doctor_plugins.c
    card/tool/doctor_service.c
    card/tool/identity.c
    card/tool/list.c
    card/tool/main.c
    card/tool/net.c
    card/tool/ossl.c
    card/tool/out.c
    card/tool/pin.c
    card/tool/pin_ask.c
    card/tool/pin_say.c
    card/tool/prompt.c
    card/tool/show.c
    card/tool/test.c
    card/tool/test_attempt.c
    card/tool/test_card.c
    card/tool/test_key.c
    card/tool/test_tls.c
    card/tool/tool.c
    card/tool/trace.c
    card/tool/watch.c)
set_target_properties(tool PROPERTIES OUTPUT_NAME tessera
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
target_compile_definitions(tool PRIVATE TESSERA_VERSION="${PROJECT_VERSION}")
target_link_libraries(tool PRIVATE card-admin PkgConfig::JANSSON PkgConfig::SSL)
install(TARGETS tool RUNTIME DESTINATION bin COMPONENT tool)
