// Threads that fill maps and drop them again, so that the collector always works; and numbers from 0 for who connects.
import java.io.IOException;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;

public class Churn {
  static final int THREADS = 20;
  static final int KEYS = 1024;
  static final int BYTES = 1000;

  /** Every array knows its key. */
  static void churn() {
    Map<Integer, byte[]> held = new HashMap<>();
    try {
      for (long step = 0;; step++) {
        int key = ThreadLocalRandom.current().nextInt(KEYS);
        byte[] old = held.get(key);
        if (old != null && (old[0] != (byte) key || old[BYTES - 1] != (byte) (key >> 8))) throw new IllegalStateException("the array of " + key);
        byte[] fresh = new byte[BYTES];
        fresh[0] = (byte) key;
        fresh[BYTES - 1] = (byte) (key >> 8);
        held.put(key, fresh);
        if (step % 64 == 0) Thread.sleep(20);
      }
    } catch (Throwable error) {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
    }
  }

  static void count(Socket client) {
    try (client) {
      OutputStream out = client.getOutputStream();
      for (long number = 0;; number++) {
        out.write((number + "\n").getBytes());
        Thread.sleep(5);
      }
    } catch (IOException | InterruptedException gone) {
      System.err.println("a client left: " + gone);
    }
  }

  public static void main(String[] arguments) throws IOException {
    ServerSocket listener = new ServerSocket(Integer.parseInt(arguments[0]));
    ExecutorService pool = Executors.newCachedThreadPool();
    for (int index = 0; index < THREADS; index++) pool.submit(Churn::churn);
    for (;;) {
      Socket client = listener.accept();
      pool.submit(() -> count(client));
    }
  }
}
