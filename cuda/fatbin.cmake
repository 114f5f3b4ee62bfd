# Compiles SOURCE to FATBIN and keeps what ptxas says of registers and spills in REPORT.
string(RANDOM LENGTH 8 unique) # two builds may run at once
set(new_fatbin ${FATBIN}.${unique})
set(new_report ${REPORT}.${unique})
execute_process(COMMAND ${NVCC} ${FLAGS} ${SOURCE} -o ${new_fatbin} ERROR_FILE ${new_report} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  file(READ ${new_report} said)
  file(REMOVE ${new_fatbin} ${new_report})
  string(REGEX REPLACE "(ptxas info|    [0-9]+ bytes)[^\n]*\n" "" wrong "${said}")
  message(NOTICE "${wrong}")
  message(FATAL_ERROR "nvcc does not accept ${SOURCE}")
endif()
file(RENAME ${new_fatbin} ${FATBIN})
file(RENAME ${new_report} ${REPORT})
