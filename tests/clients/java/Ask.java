import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.util.VersionInfo;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.ProtocolNegotiation;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.bedrockruntime.BedrockRuntimeAsyncClient;
import software.amazon.awssdk.services.bedrockruntime.BedrockRuntimeClient;
import software.amazon.awssdk.services.bedrockruntime.model.ContentBlock;
import software.amazon.awssdk.services.bedrockruntime.model.ConversationRole;
import software.amazon.awssdk.services.bedrockruntime.model.ConverseRequest;
import software.amazon.awssdk.services.bedrockruntime.model.ConverseResponse;
import software.amazon.awssdk.services.bedrockruntime.model.ConverseStreamRequest;
import software.amazon.awssdk.services.bedrockruntime.model.ConverseStreamResponseHandler;
import software.amazon.awssdk.services.bedrockruntime.model.Message;

/**
 * The AWS SDK for Java: Converse with the blocking client ("sync") and the other one ("whole"), and ConverseStream, which
 * only the other one has. That one speaks HTTP/2 to this service; with AIGW_HTTP1=1 it is told not to, as an application
 * has to where the endpoint offers HTTP/1.1 only. Reports as ../python/answer.py describes.
 */
public final class Ask {
    private static final String MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
    private static final Message MESSAGE = Message.builder()
        .role(ConversationRole.USER)
        .content(ContentBlock.fromText("Explain in two sentences what an API gateway does."))
        .build();

    private static final StringBuilder TEXT = new StringBuilder();
    private static final List<Long> ARRIVALS = new ArrayList<>();

    private Ask() {}

    public static void main(String[] arguments) {
        try {
            switch (arguments[0]) {
                case "sync" -> sync();
                case "stream" -> stream();
                default -> whole();
            }
        } catch (CompletionException error) {
            fail(error.getCause());
        } catch (RuntimeException error) {
            fail(error);
        }
        String text = TEXT.toString().replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
        System.out.printf(
            "{\"client\": \"aws-sdk-java\", \"version\": \"%s\", \"text\": \"%s\", \"arrivalsMs\": %s}%n",
            VersionInfo.SDK_VERSION, text, ARRIVALS);
    }

    private static ConverseRequest request() {
        return ConverseRequest.builder().modelId(MODEL).messages(MESSAGE).build();
    }

    private static void take(ConverseResponse response) {
        TEXT.append(response.output().message().content().get(0).text());
    }

    private static BedrockRuntimeAsyncClient asynchronous() {
        if (!"1".equals(System.getenv("AIGW_HTTP1"))) {
            return BedrockRuntimeAsyncClient.create();
        }
        return BedrockRuntimeAsyncClient.builder()
            .httpClientBuilder(NettyNioAsyncHttpClient.builder()
                .protocol(Protocol.HTTP1_1)
                .protocolNegotiation(ProtocolNegotiation.ASSUME_PROTOCOL))
            .build();
    }

    private static void sync() {
        try (BedrockRuntimeClient client = BedrockRuntimeClient.create()) {
            take(client.converse(request()));
        }
    }

    private static void whole() {
        try (BedrockRuntimeAsyncClient client = asynchronous()) {
            take(client.converse(request()).join());
        }
    }

    private static void stream() {
        ConverseStreamRequest request = ConverseStreamRequest.builder().modelId(MODEL).messages(MESSAGE).build();
        long started = System.nanoTime();
        ConverseStreamResponseHandler handler = ConverseStreamResponseHandler.builder()
            .subscriber(ConverseStreamResponseHandler.Visitor.builder()
                .onContentBlockDelta(event -> {
                    TEXT.append(event.delta().text());
                    ARRIVALS.add((System.nanoTime() - started) / 1_000_000);
                })
                .build())
            .build();
        try (BedrockRuntimeAsyncClient client = asynchronous()) {
            client.converseStream(request, handler).join();
        }
    }

    private static void fail(Throwable error) {
        if (error instanceof AwsServiceException known && known.awsErrorDetails() != null) {
            System.err.println(known.awsErrorDetails().errorCode() + ": " + known.awsErrorDetails().errorMessage());
        } else {
            System.err.println(error.getClass().getSimpleName() + ": " + error.getMessage());
        }
        System.exit(1);
    }
}
