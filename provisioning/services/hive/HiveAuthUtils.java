package org.apache.hadoop.hive.common.auth;

import java.net.InetSocketAddress;
import org.apache.thrift.transport.TServerSocket;
import org.apache.thrift.transport.TTransportException;

/**
 * Stands before Hive's own class on the metastore's class path, and makes it listen at one address.
 *
 * Hive Metastore 2.3 has no setting for that: it calls getServerSocket(null, port), which listens on all interfaces,
 * and it lets whoever reaches it change every table. Nothing else of Hive's class is here, so that a metastore which
 * would need it (for TLS) refuses to start. Compiled by Janino, see provisioning/builders.py: keep to plain Java.
 */
public final class HiveAuthUtils {
    public static TServerSocket getServerSocket(String everywhere, int port) throws TTransportException {
        return new TServerSocket(new InetSocketAddress(System.getProperty("datalake.bind.host"), port));
    }
}
