# Compiles SOURCE to FATBIN and keeps what ptxas says of registers and spills in REPORT.
execute_process(COMMAND ${NVCC} ${FLAGS} ${SOURCE} -o ${FATBIN}.new ERROR_FILE ${REPORT} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  file(READ ${REPORT} said)
  file(REMOVE ${FATBIN}.new)
  message(FATAL_ERROR "${said}")
endif()
file(RENAME ${FATBIN}.new ${FATBIN})
