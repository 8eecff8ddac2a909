// Command fetch brings the jars of Apache Kafka into the folder that it is given.
package main
