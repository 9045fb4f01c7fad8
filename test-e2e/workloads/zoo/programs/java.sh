#!/bin/sh
# Compiles Churn.java without a JDK, then runs it with the heap and the collector that Java chooses.
java -cp /usr/share/java/ecj.jar org.eclipse.jdt.internal.compiler.batch.Main -9 -d /tmp /zoo/Churn.java
exec java -cp /tmp Churn "$@"
